// Command go is a function for the runtime "custom": an HTTP server of its own.
// It answers events, which arrive as POST /invoke, and what an HTTP trigger
// passes through, which arrives as it was sent.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	server := &http.Server{
		Addr:    ":" + cmp.Or(os.Getenv("FC_SERVER_PORT"), "9000"),
		Handler: routes(cmp.Or(os.Getenv("GREETING"), "Hello")),
	}
	context.AfterFunc(ctx, func() { _ = server.Shutdown(context.Background()) })
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func routes(greeting string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /initialize", func(http.ResponseWriter, *http.Request) {
		log.Print("initialized")
	})
	mux.HandleFunc("POST /invoke", func(w http.ResponseWriter, r *http.Request) {
		greetEvent(w, r, greeting)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s, %s!\n", greeting, cmp.Or(r.URL.Query().Get("name"), "world"))
	})
	return mux
}

// greetEvent reads {"name": "..."}; an empty event greets the world. An event
// that is no JSON is an error of the function: status 404 says so.
func greetEvent(w http.ResponseWriter, r *http.Request, greeting string) {
	id := r.Header.Get("x-fc-request-id")
	log.Print("FC Invoke Start RequestId: ", id)
	defer log.Print("FC Invoke End RequestId: ", id)
	var event struct{ Name string }
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil && !errors.Is(err, io.EOF) {
		w.Header().Set("x-fc-status", "404")
		http.Error(w, "the event is not JSON: "+err.Error(), http.StatusNotFound)
		return
	}
	fmt.Fprintf(w, "%s, %s!\n", greeting, cmp.Or(event.Name, "world"))
}
