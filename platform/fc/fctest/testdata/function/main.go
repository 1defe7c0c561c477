// A function for tests: a web server on FC_SERVER_PORT, or on the listener it inherits as
// descriptor 3, that does what it is told. Event
// calls carry a verb and an argument, HTTP calls say it by their path.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

var sick atomic.Bool

func main() {
	if text := os.Getenv("SAY"); text != "" {
		fmt.Println(text)
	}
	if os.Getenv("EXIT") != "" {
		os.Exit(7)
	}
	if os.Getenv("SLEEP") != "" {
		time.Sleep(time.Hour)
	}
	port := os.Getenv("FC_SERVER_PORT")
	if fixed := os.Getenv("FIXED_PORT"); fixed != "" {
		port = fixed
	}
	http.HandleFunc("POST /invoke", invoke)
	http.HandleFunc("POST /initialize", initialize)
	http.HandleFunc("GET /pre-stop", preStop)
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/request", request)
	http.HandleFunc("/events", events)
	http.HandleFunc("/upgrade", upgrade)
	http.HandleFunc("/hang", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); fmt.Println("left") })
	http.HandleFunc("/header/{size}", header)
	http.HandleFunc("/status/{code}", status)
	http.HandleFunc("/break", broken)
	http.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	if port == "" { // started like a built-in runtime: the listener is inherited
		l, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			log.Fatal(err)
		}
		log.Fatal(http.Serve(l, nil))
	}
	log.Fatal(http.ListenAndServe(":"+port, nil))
}

func invoke(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	verb, arg, _ := strings.Cut(string(body), " ")
	switch verb {
	default:
		w.Write(body)
	case "say":
		id := r.Header.Get("X-Fc-Request-Id")
		fmt.Printf("FC Invoke Start RequestId: %s\n%s\nFC Invoke End RequestId: %s\n", id, arg, id)
	case "whisper":
		fmt.Println(arg)
	case "sleep":
		d, _ := time.ParseDuration(arg)
		time.Sleep(d)
		fmt.Fprint(w, "slept")
	case "env":
		io.WriteString(w, os.Getenv(arg))
	case "header":
		io.WriteString(w, r.Header.Get(arg))
	case "dir":
		dir, _ := os.Getwd()
		io.WriteString(w, dir)
	case "write":
		if err := os.WriteFile(os.TempDir()+"/note", []byte(arg), 0o600); err != nil {
			io.WriteString(w, err.Error())
		}
	case "read":
		b, _ := os.ReadFile(os.TempDir() + "/note")
		w.Write(b)
	case "error":
		w.Header().Set("X-Fc-Status", "404")
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, arg)
	case "exit":
		code, _ := strconv.Atoi(arg)
		os.Exit(code)
	case "break":
		panic(http.ErrAbortHandler)
	case "sick":
		sick.Store(true)
	case "big":
		n, _ := strconv.Atoi(arg)
		w.Header().Set("Content-Length", arg)
		w.Write(bytes.Repeat([]byte("b"), n))
	}
}

func initialize(w http.ResponseWriter, r *http.Request) {
	fmt.Println("initializing")
	switch os.Getenv("INIT") {
	case "fail":
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"errorMessage":"no database","errorType":"Down"}`)
	case "hang":
		<-r.Context().Done()
	case "exit":
		os.Exit(1)
	}
}

func preStop(http.ResponseWriter, *http.Request) {
	if file := os.Getenv("STOP_FILE"); file != "" {
		os.WriteFile(file, []byte("stopped"), 0o600)
	}
}

func echo(w http.ResponseWriter, r *http.Request) {
	http.NewResponseController(w).EnableFullDuplex()
	if r.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	io.Copy(flushing{w}, r.Body)
}

type flushing struct{ http.ResponseWriter }

func (f flushing) Write(b []byte) (int, error) {
	n, err := f.ResponseWriter.Write(b)
	http.NewResponseController(f.ResponseWriter).Flush()
	return n, err
}

func request(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Fc-Secret", "1")
	w.Header().Set("Server", "test")
	w.Header().Set("X-Kept", "1")
	w.Header()["Set-Cookie"] = []string{"a=1", "b=2"}
	json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "host": r.Host, "header": r.Header})
}

// events sends one event and the next one only after the client has gone on.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, "data: first\n\n")
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
}

func upgrade(w http.ResponseWriter, r *http.Request) {
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\n\r\n")
	line, _ := rw.ReadString('\n')
	io.WriteString(c, strings.ToUpper(line))
}

func header(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("size"))
	w.Header().Set("X-Long", strings.Repeat("h", n))
}

func status(w http.ResponseWriter, r *http.Request) {
	code, _ := strconv.Atoi(r.PathValue("code"))
	w.WriteHeader(code)
	io.WriteString(w, "status")
}

// broken answers half of what it announces.
func broken(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000000")
	w.Write(bytes.Repeat([]byte("x"), 500000))
	panic(http.ErrAbortHandler)
}
