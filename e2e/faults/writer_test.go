package faults

import (
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// state is what one function should be on the platform.
type state struct {
	present     bool
	description string
	code        int // index of the package
	trigger     bool
}

// writer changes functions of its own, one write after the other, and remembers what
// the platform acknowledged. Of the write that a kill interrupts it does not know.
type writer struct {
	names        []string
	certain      map[string]state
	maybe        map[string]state // the name of an interrupted write, and what it would have made
	packages     []string
	random       *rand.Rand
	acknowledged int
}

func newWriter(t *testing.T, number int, random *rand.Rand) *writer {
	t.Helper()
	w := &writer{certain: map[string]state{}, maybe: map[string]state{}, random: random}
	for i := range 5 {
		w.names = append(w.names, fmt.Sprintf("writer%d-%d", number, i))
	}
	for i := range 3 {
		noise := make([]byte, 2000+random.IntN(100_000))
		for j := range noise {
			noise[j] = byte(random.Uint32())
		}
		w.packages = append(w.packages, harness.Zip(map[string][]byte{"bootstrap": fmt.Appendf(noise, "%d %d", number, i)}))
	}
	return w
}

// write writes until a write gets no answer, which is right only once killed is closed.
func (w *writer) write(t *testing.T, p *harness.Platform, killed <-chan struct{}) {
	c, err := p.Client()
	if err != nil {
		t.Error(err)
		return
	}
	for {
		name := w.names[w.random.IntN(len(w.names))]
		next, do := w.choose(c, name)
		err := do()
		if err == nil {
			w.certain[name] = next
			w.acknowledged++
			continue
		}
		if refused := harness.ErrorOf(err); refused.Status != 0 && refused.Status < 500 {
			t.Errorf("%s, which is %+v: %v", name, w.certain[name], err)
			return
		}
		w.maybe[name] = next
		select {
		case <-killed:
		default:
			t.Errorf("%s: no answer before the kill: %v", name, err)
		}
		return
	}
}

// choose picks a write that must succeed, and says what it leads to.
func (w *writer) choose(c *sdk.Client, name string) (state, func() error) {
	now := w.certain[name]
	next := now
	next.description, next.code = fmt.Sprintf("%x", w.random.Uint64()), w.random.IntN(len(w.packages))
	code := &sdk.InputCodeLocation{ZipFile: &w.packages[next.code]}
	if !now.present {
		next.present = true
		return next, func() error {
			_, err := c.CreateFunction(&sdk.CreateFunctionRequest{Body: &sdk.CreateFunctionInput{
				FunctionName: &name, Runtime: new("custom.debian12"), Handler: new("x"), Description: &next.description, Code: code,
			}})
			return err
		}
	}
	switch w.random.IntN(4) {
	case 0:
		if now.trigger {
			break
		}
		return state{}, func() error { _, err := c.DeleteFunction(&name); return err }
	case 1:
		now.trigger = !now.trigger
		if !now.trigger {
			return now, func() error { _, err := c.DeleteTrigger(&name, new("web")); return err }
		}
		return now, func() error {
			_, err := c.CreateTrigger(&name, &sdk.CreateTriggerRequest{Body: &sdk.CreateTriggerInput{
				TriggerName: new("web"), TriggerType: new("http"), TriggerConfig: new(`{"authType":"anonymous","methods":["GET"]}`),
			}})
			return err
		}
	}
	return next, func() error {
		_, err := c.UpdateFunction(&name, &sdk.UpdateFunctionRequest{Body: &sdk.UpdateFunctionInput{Description: &next.description, Code: code}})
		return err
	}
}

// check finds every acknowledged write, and every interrupted one wholly done or not
// at all. What it finds is certain from then on.
func (w *writer) check(t *testing.T, p *harness.Platform) {
	t.Helper()
	c := harness.SDK(t, p)
	for _, name := range w.names {
		found, err := w.find(c, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		maybe, interrupted := w.maybe[name]
		if found != w.certain[name] && (!interrupted || found != maybe) {
			t.Errorf("%s is %+v; acknowledged was %+v; interrupted %v: %+v", name, found, w.certain[name], interrupted, maybe)
		}
		w.certain[name] = found
	}
	clear(w.maybe)
}

// find reads what a function is, down to the bytes of its code.
func (w *writer) find(c *sdk.Client, name string) (state, error) {
	f, err := c.GetFunction(&name, &sdk.GetFunctionRequest{})
	if harness.ErrorOf(err).Code == "FunctionNotFound" {
		return state{}, nil
	}
	if err != nil {
		return state{}, err
	}
	code, err := w.download(c, name)
	if err != nil {
		return state{}, err
	}
	triggers, err := c.ListTriggers(&name, &sdk.ListTriggersRequest{})
	if err != nil {
		return state{}, err
	}
	for _, t := range triggers.Body.Triggers {
		if *t.HttpTrigger.UrlInternet == "" {
			return state{}, fmt.Errorf("trigger %s has no URL", *t.TriggerName)
		}
	}
	return state{present: true, description: *f.Body.Description, code: code, trigger: len(triggers.Body.Triggers) == 1}, nil
}

// download says which of the packages a function's code is.
func (w *writer) download(c *sdk.Client, name string) (int, error) {
	out, err := c.GetFunctionCode(&name, &sdk.GetFunctionCodeRequest{})
	if err != nil {
		return 0, err
	}
	resp, err := http.Get(*out.Body.Url)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	code, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	for i, p := range w.packages {
		if base64.StdEncoding.EncodeToString(code) == p {
			return i, nil
		}
	}
	return 0, fmt.Errorf("status %d and %d bytes that were never sent as its code", resp.StatusCode, len(code))
}
