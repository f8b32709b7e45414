console.log("usher");
