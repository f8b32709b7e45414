package rooms

import (
	"log"
	"net/http"
	"os"
)

// Serve serves a handler of WebSockets at /ws on the address of the first argument, with TLS if
// TLS_CERT and TLS_KEY name files.
func Serve(ws http.HandlerFunc) {
	http.HandleFunc("/ws", ws)
	http.HandleFunc("/health", func(http.ResponseWriter, *http.Request) {})
	if certificate := os.Getenv("TLS_CERT"); certificate != "" {
		log.Fatal(http.ListenAndServeTLS(os.Args[1], certificate, os.Getenv("TLS_KEY"), nil))
	}
	log.Fatal(http.ListenAndServe(os.Args[1], nil))
}
