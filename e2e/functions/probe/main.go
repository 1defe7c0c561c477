// Command probe is a function of the custom runtime that does what a test tells it:
// the order of an event call is its event, that of an HTTP call its path.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// An order is an event that tells the probe what to do.
type order struct {
	Do   string `json:"do"` // echo, sleep, fail, exit, log, tell
	Text string `json:"text"`
	MS   int    `json:"ms"`
}

// told is what the probe says about itself.
type told struct {
	PID     int
	Running int64 // calls at this moment, this one included
	Most    int64 // the most there have been at a moment
	Left    int64 // calls whose caller went away before their end
	Env     map[string]string
	Header  http.Header
	Method  string
	URI     string
	Host    string
	Length  int
}

var running, most, left atomic.Int64

func main() {
	switch os.Getenv("PROBE") {
	case "silent": // never opens its port
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		<-stop
		return
	case "dies":
		fmt.Println("going down at once")
		os.Exit(7)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /initialize", initialize)
	mux.HandleFunc("POST /invoke", counted(event))
	mux.HandleFunc("/sse", counted(sse))
	mux.HandleFunc("/ws", counted(echoWebSocket))
	mux.HandleFunc("/hold", counted(hold))
	mux.HandleFunc("/status/{code}", counted(status))
	mux.HandleFunc("/headers", counted(headers))
	mux.HandleFunc("/echo", counted(echo))
	mux.HandleFunc("/", counted(tell))
	fmt.Println("FC probe is listening")
	if err := http.ListenAndServe("0.0.0.0:"+os.Getenv("FC_SERVER_PORT"), mux); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// counted keeps the counts of running calls.
func counted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		now := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		next(w, r)
	}
}

func initialize(w http.ResponseWriter, _ *http.Request) {
	switch os.Getenv("PROBE") {
	case "bad initializer":
		http.Error(w, "the initializer does not like it here", http.StatusInternalServerError)
	case "slow initializer":
		time.Sleep(time.Minute)
	}
}

func event(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("x-fc-request-id")
	fmt.Printf("FC Invoke Start RequestId: %s\n", id)
	defer fmt.Printf("FC Invoke End RequestId: %s\n", id)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var o order
	if json.Unmarshal(body, &o) != nil || o.Do == "" {
		_, _ = w.Write(body)
		return
	}
	o.run(w, r)
}

func (o order) run(w http.ResponseWriter, r *http.Request) {
	switch o.Do {
	case "sleep":
		if wait(r, time.Duration(o.MS)*time.Millisecond) {
			tell(w, r)
		}
	case "fail":
		w.Header().Set("x-fc-status", "404")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, o.Text)
	case "exit":
		os.Exit(3)
	case "log":
		fmt.Println(o.Text)
	default:
		tell(w, r)
	}
}

// wait sleeps, unless the caller goes first.
func wait(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		left.Add(1)
		return false
	}
}

func tell(w http.ResponseWriter, r *http.Request) {
	n, _ := io.Copy(io.Discard, r.Body)
	env := map[string]string{}
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(told{
		PID: os.Getpid(), Running: running.Load(), Most: most.Load(), Left: left.Load(), Env: env,
		Header: r.Header, Method: r.Method, URI: r.RequestURI, Host: r.Host, Length: int(n),
	})
}

// sse sends three events and waits for the caller to leave after the last.
func sse(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	for i := range 3 {
		fmt.Fprintf(w, "data: %d\n\n", i)
		_ = http.NewResponseController(w).Flush()
	}
	wait(r, 30*time.Second)
}

func hold(_ http.ResponseWriter, r *http.Request) { wait(r, 60*time.Second) }

func status(w http.ResponseWriter, r *http.Request) {
	code, err := strconv.Atoi(r.PathValue("code"))
	if err != nil {
		code = http.StatusBadRequest
	}
	w.WriteHeader(code)
}

// headers answers with headers of every kind; n=BYTES makes one of that length.
func headers(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	h := w.Header()
	h.Set("X-Long", strings.Repeat("x", n))
	h.Add("Set-Cookie", "a=1")
	h.Add("Set-Cookie", "b=2")
	h.Set("X-Fc-Request-Id", "forged")
	h.Set("X-Fc-Made-Up", "dropped")
	h.Set("Server", "dropped")
	w.WriteHeader(http.StatusOK)
}

// echo answers while it still reads, unless it is told to read everything first.
func echo(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex()
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buf)
		if _, werr := w.Write(buf[:n]); err != nil || werr != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
}

func echoWebSocket(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return
	}
	defer c.CloseNow()
	c.SetReadLimit(1 << 20)
	for {
		kind, message, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, append([]byte("echo "), message...)); err != nil {
			return
		}
	}
}
