package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestEventsArriveAsTheyAreFlushed(t *testing.T) {
	next := make(chan struct{})
	each(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 5 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			<-next // only once the client has it
		}
	}, func(t *testing.T, r *running) {
		resp, err := http.Get("http://" + r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		br := bufio.NewReader(resp.Body)
		for i := range 5 {
			line, err := br.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatal(line, err)
			}
			_, _ = br.ReadString('\n')
			next <- struct{}{}
		}
	})
}

func TestReadingAndWritingGoOnAtOnce(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		buf := make([]byte, 10)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			w.(http.Flusher).Flush()
			if err != nil {
				return
			}
		}
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
		resp, err := http.ReadResponse(c.br, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			c.send("5\r\nhello\r\n")
			buf := make([]byte, 5)
			if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "hello" {
				t.Fatal(string(buf), err)
			}
		}
		c.send("0\r\n\r\n")
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Error(rest, err)
		}
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		c.answer()
	})
}

func TestAHijackedConnectionIsTheHandlers(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("Write returned %v", err)
		}
		if _, _, err := w.(http.Hijacker).Hijack(); !errors.Is(err, http.ErrHijacked) {
			t.Errorf("a second Hijack returned %v", err)
		}
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}, func(t *testing.T, r *running) {
		c := dial(t, r.addr)
		c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\nearly\n")
		if line, err := c.br.ReadString('\n'); line != "echo early\n" {
			t.Errorf("got %q, %v", line, err)
		}
		if !c.ends() {
			t.Error("the connection goes on")
		}
	})
}

func TestWebSocketsWork(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = ws.CloseNow() }()
		for {
			kind, msg, err := ws.Read(r.Context())
			if err != nil {
				return
			}
			_ = ws.Write(r.Context(), kind, msg)
		}
	}, func(t *testing.T, r *running) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		ws, _, err := websocket.Dial(ctx, "ws://"+r.addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err := ws.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, msg, err := ws.Read(ctx); err != nil || string(msg) != "hello" {
				t.Fatal(string(msg), err)
			}
		}
		if err := ws.Close(websocket.StatusNormalClosure, ""); err != nil {
			t.Error(err)
		}
	})
}

func TestLargeEchoesComeBackByteForByte(t *testing.T) {
	each(t, func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		if r.ContentLength >= 0 {
			w.Header().Set("Content-Length", fmt.Sprint(r.ContentLength))
		}
		buf := make([]byte, 3000)
		for {
			n, err := r.Body.Read(buf)
			w.Write(buf[:n])
			if err != nil {
				return
			}
		}
	}, func(t *testing.T, r *running) {
		client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}, Timeout: time.Minute}
		defer client.CloseIdleConnections()
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				want := make([]byte, 64<<10)
				for i := range want {
					want[i] = byte(i * (worker + 3) >> 3)
				}
				for i := range 125 {
					var body io.Reader = bytes.NewReader(want)
					if i%2 == 1 {
						body = io.MultiReader(body) // chunked
					}
					resp, err := client.Post("http://"+r.addr, "a/b", body)
					if err != nil {
						t.Error(err)
						return
					}
					got, err := io.ReadAll(resp.Body)
					resp.Body.Close()
					if err != nil || !bytes.Equal(got, want) {
						t.Errorf("%d bytes, %v", len(got), err)
						return
					}
				}
			})
		}
		all.Wait()
	})
}
