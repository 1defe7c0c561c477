// Command echo is a function of the custom runtime that answers with what it was sent.
// It serves the listener it inherits as descriptor 3 if LISTEN_FDS says so, and
// otherwise the port that the platform names.
package main

import (
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	l, err := listen()
	if err != nil {
		os.Stderr.WriteString("listen: " + err.Error() + "\n")
		os.Exit(1)
	}
	_ = http.Serve(l, http.HandlerFunc(echo))
}

func listen() (net.Listener, error) {
	if os.Getenv("LISTEN_FDS") != "" {
		return net.FileListener(os.NewFile(3, "listener"))
	}
	port := os.Getenv("FC_SERVER_PORT")
	if port == "" {
		port = "9000"
	}
	return net.Listen("tcp", "0.0.0.0:"+port)
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(body) // the caller may have gone
}
