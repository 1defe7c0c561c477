package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// languages are what functions of the stack may be written in, with the command that
// this machine needs to have for it; those in Go need none, as they are built here.
var languages = []struct{ name, command string }{{"go", ""}, {"go1", ""}, {"python", "python3"}, {"node", "node"}}

// prepare finds out which languages this machine can run, tells the stack, and builds
// the function in Go.
func (d *demo) prepare(ctx context.Context) error {
	var have []string
	for _, l := range languages {
		if l.command != "" {
			if _, err := exec.LookPath(l.command); err != nil {
				d.say("SKIPPED: the %s function, because there is no %s on this machine", l.name, l.command)
				continue
			}
		}
		have = append(have, fmt.Sprintf("%q", l.name))
	}
	d.terraform.env = append(d.terraform.env, "TF_VAR_languages=["+strings.Join(have, ",")+"]")
	return d.buildGo(ctx)
}

// buildGo builds every function of examples/functions that is written in Go into its
// folder of the copy, as `bootstrap`.
func (d *demo) buildGo(ctx context.Context) error {
	mains, err := filepath.Glob(filepath.Join(harness.Root(), "examples", "functions", "*", "main.go"))
	if err != nil {
		return err
	}
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		out := filepath.Join(d.dir, "source", "examples", "functions", name, "bootstrap")
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, ".")
		cmd.Dir = filepath.Dir(main)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build the function %s: %w\n%s", name, err, said)
		}
		d.say("built the function %s", name)
	}
	return nil
}

// functions lists all functions of the platform.
func (d *demo) functions() ([]*sdk.Function, error) {
	c, err := d.platform.Client()
	if err != nil {
		return nil, err
	}
	out, err := c.ListFunctions(&sdk.ListFunctionsRequest{Limit: new(int32(100))})
	if err != nil {
		return nil, err
	}
	return out.Body.Functions, nil
}

// call calls every function through the official SDK, and through the URL of its
// trigger if it has one.
func (d *demo) call(ctx context.Context) error {
	functions, err := d.functions()
	if err != nil {
		return err
	}
	if len(functions) == 0 {
		return fmt.Errorf("the stack deployed no function")
	}
	c, err := d.platform.Client()
	if err != nil {
		return err
	}
	for _, f := range functions {
		d.say("%s (%s)", *f.FunctionName, *f.Runtime)
		if err := d.invoke(c, *f.FunctionName); err != nil {
			return err
		}
		triggers, err := c.ListTriggers(f.FunctionName, &sdk.ListTriggersRequest{})
		if err != nil {
			return err
		}
		for _, t := range triggers.Body.Triggers {
			if t.HttpTrigger == nil {
				continue
			}
			for _, at := range []*string{t.HttpTrigger.UrlInternet, t.HttpTrigger.UrlIntranet} {
				if err := d.get(ctx, *at); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (d *demo) invoke(c *sdk.Client, function string) error {
	began := time.Now()
	out, err := c.InvokeFunction(&function, &sdk.InvokeFunctionRequest{Body: strings.NewReader(`{"name":"demo"}`)})
	if err != nil {
		return fmt.Errorf("invoke %s: %w", function, err)
	}
	body, err := io.ReadAll(out.Body)
	if err != nil {
		return fmt.Errorf("invoke %s: %w", function, err)
	}
	if kind := out.Headers["x-fc-error-type"]; kind != nil {
		return fmt.Errorf("invoke %s: the function failed with %s: %s", function, *kind, body)
	}
	d.say("  SDK  -> %s  (%d ms)", short(body), time.Since(began).Milliseconds())
	return nil
}

// get calls a URL. Its host need not be known to a name server: every host is looked
// for on the platform.
func (d *demo) get(ctx context.Context, at string) error {
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, d.platform.Host())
		},
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	began := time.Now()
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", at, resp.Status, body)
	}
	d.say("  GET %s -> %s  (%d ms)", at, short(body), time.Since(began).Milliseconds())
	return nil
}

// short is a body on one line.
func short(body []byte) string {
	text := strings.Join(strings.Fields(string(body)), " ")
	if len(text) > 100 {
		text = text[:100] + "…"
	}
	return text
}
