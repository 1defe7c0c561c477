// Command go1 is a function of the runtime go1, built with the official runtime SDK.
package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
)

// order is the event.
type order struct {
	Do   string `json:"do"`
	Text string `json:"text"`
}

// answer is what the function knows about the call.
type answer struct {
	Text      string
	RequestID string
	Function  string
	Left      time.Duration // until the deadline
	Inits     int
}

var inits int

func main() {
	fc.RegisterInitializerFunction(func(context.Context) { inits++ })
	fc.Start(handle)
}

func handle(ctx context.Context, o order) (answer, error) {
	switch o.Do {
	case "fail":
		return answer{}, errors.New(o.Text)
	case "panic":
		panic(o.Text)
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Minute)
	}
	about, ok := fccontext.FromContext(ctx)
	if !ok {
		return answer{}, errors.New("the context is not the runtime's")
	}
	deadline, _ := ctx.Deadline()
	return answer{Text: o.Text, RequestID: about.RequestID, Function: about.Function.Name, Left: time.Until(deadline), Inits: inits}, nil
}
