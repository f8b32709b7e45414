console.log("usher");import "./page.css";
