// Command go1 is a function for the runtime "go1": it fetches one event after
// the other from the runtime API and posts each answer back. It shows the whole
// protocol; an SDK hides it.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"time"
)

// The kinds of work that the runtime API hands out, in x-fc-function-type.
const (
	typeInvoke     = "0"
	typeInitialize = "1"
	typePreStop    = "2"
)

func main() {
	api := os.Getenv("FC_RUNTIME_API")
	if api == "" {
		log.Fatal("FC_RUNTIME_API is not set: this program runs inside Function Compute")
	}
	r := runtime{base: "http://" + api + "/2020-11-11/runtime/invocation/", client: &http.Client{}}
	for {
		if err := r.serve(context.Background(), handle); err != nil {
			log.Fatal(err)
		}
	}
}

// handle is the function itself: bytes in, bytes out.
func handle(_ context.Context, event []byte) ([]byte, error) {
	var in struct{ Name string }
	if len(event) > 0 {
		if err := json.Unmarshal(event, &in); err != nil {
			return nil, fmt.Errorf("the event is not JSON: %w", err)
		}
	}
	return fmt.Appendf(nil, "%s, %s!\n", cmp.Or(os.Getenv("GREETING"), "Hello"), cmp.Or(in.Name, "world")), nil
}

type handler func(ctx context.Context, event []byte) ([]byte, error)

// runtime talks to the runtime API at base.
type runtime struct {
	base   string
	client *http.Client
}

// serve waits for one piece of work and answers it.
func (r runtime) serve(ctx context.Context, h handler) error {
	work, err := r.get(ctx, "next")
	if err != nil {
		return err
	}
	event, err := io.ReadAll(work.Body)
	work.Body.Close()
	if err != nil {
		return fmt.Errorf("read the event: %w", err)
	}
	id := work.Header.Get("x-fc-request-id")
	ctx, cancel := context.WithDeadline(ctx, deadline(work.Header))
	defer cancel()
	switch cmp.Or(work.Header.Get("x-fc-function-type"), typeInvoke) {
	case typeInvoke:
		return r.answer(ctx, id, event, h)
	case typeInitialize, typePreStop:
		return r.post(id+"/response", nil)
	default:
		return r.post(id+"/error", failure(fmt.Errorf("unknown type of work %q", work.Header.Get("x-fc-function-type"))))
	}
}

func (r runtime) answer(ctx context.Context, id string, event []byte, h handler) error {
	fmt.Println("FC Invoke Start RequestId: " + id)
	defer fmt.Println("FC Invoke End RequestId: " + id)
	result, err := h(ctx, event)
	if err != nil {
		return r.post(id+"/error", failure(err))
	}
	return r.post(id+"/response", result)
}

// deadline is when the answer is due; the header has milliseconds.
func deadline(h http.Header) time.Time {
	ms, err := strconv.ParseInt(h.Get("x-fc-function-deadline"), 10, 64)
	if err != nil {
		return time.Now().Add(time.Minute)
	}
	return time.UnixMilli(ms)
}

func failure(err error) []byte {
	text, _ := json.Marshal(map[string]string{"errorMessage": err.Error(), "errorType": "Error"}) // strings always encode
	return text
}

func (r runtime) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("wait for work: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("wait for work: %s", resp.Status)
	}
	return resp, nil
}

// post has no deadline: an answer that is late is still the one there is.
func (r runtime) post(path string, body []byte) error {
	resp, err := r.client.Post(r.base+path, "application/json", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer: %s", resp.Status)
	}
	return nil
}
