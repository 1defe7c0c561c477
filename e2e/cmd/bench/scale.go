//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	sdk "github.com/alibabacloud-go/fc-20230330/v4/client"

	"github.com/fcstack/fcstack/e2e/harness"
)

// scale compares a platform that has one function with one that has very many more:
// warm calls of the one must not notice the others, and an idle one must cost little.
func (b *bench) scale(ctx context.Context) error {
	few, err := b.scaled(ctx, 0)
	if err != nil {
		return err
	}
	many, err := b.scaled(ctx, b.many)
	if err != nil {
		return errors.Join(err, few.Stop())
	}
	err = b.compareScales(ctx, few, many)
	return errors.Join(err, few.Stop(), many.Stop())
}

// scaled starts a platform with the echo function and so many more, and starts it once
// again when they are registered: what registering took is not what having them takes.
func (b *bench) scaled(ctx context.Context, functions int) (*harness.Platform, error) {
	_, zip, err := b.echoBinary()
	if err != nil {
		return nil, err
	}
	p, err := b.platform(ctx)
	if err != nil {
		return nil, err
	}
	client, err := p.Client()
	if err == nil {
		err = createEcho(client, "echo", zip)
	}
	if err == nil {
		_, err = createTrigger(client, "echo")
	}
	if err == nil {
		err = register(client, functions)
	}
	if err := errors.Join(err, p.Stop()); err != nil {
		return nil, err
	}
	return p.Again(ctx)
}

// register creates n functions by a few workers.
func register(client *sdk.Client, n int) error {
	zip := harness.Zip(map[string][]byte{"bootstrap": []byte("#!/bin/sh\nexec sleep 60\n")})
	_, err := inParallel(n, 8, func(i int) error {
		_, err := client.CreateFunction(&sdk.CreateFunctionRequest{Body: &sdk.CreateFunctionInput{
			FunctionName: new(fmt.Sprintf("idle-%05d", i)), Runtime: new("custom.debian12"), Handler: new("index.handler"),
			Code: &sdk.InputCodeLocation{ZipFile: &zip}, Description: new("one of very many"),
			EnvironmentVariables: map[string]*string{"STAGE": new("production")},
		}})
		return err
	})
	return err
}

func (b *bench) compareScales(ctx context.Context, few, many *harness.Platform) error {
	memory := func(p *harness.Platform) (float64, error) {
		bytes, err := resident(p.PID)
		return float64(bytes) / 1024, err
	}
	time.Sleep(settled)
	small, err := memory(few)
	if err != nil {
		return err
	}
	large, err := memory(many)
	if err != nil {
		return err
	}
	figures := map[string]*seen{"few": newSeen(), "many": newSeen()}
	const conns = 64
	for round := range b.rounds + 1 {
		for _, side := range []struct {
			name string
			p    *harness.Platform
		}{{"few", few}, {"many", many}} {
			way, err := triggerOf(side.p)
			if err != nil {
				return err
			}
			into := figures[side.name]
			if round == 0 {
				into = newSeen() // starts the instance
			}
			if err := errors.Join(ctx.Err(), way.load(conns, b.slice, payload(64), false, into)); err != nil {
				return err
			}
		}
	}
	name := fmt.Sprintf("scale: %d functions, ", b.many)
	b.table.add(name+"warm throughput", median(figures["many"].rate[conns]), "req/s", median(figures["few"].rate[conns]), ratioAtLeast(0.95))
	b.table.add(name+"memory of each", (large-small)/float64(b.many), "KiB", 0, atMost(8, "KiB"))
	return nil
}

// triggerOf finds the way through the trigger of the echo function.
func triggerOf(p *harness.Platform) (path, error) {
	client, err := p.Client()
	if err != nil {
		return path{}, err
	}
	t, err := client.GetTrigger(new("echo"), new("http"))
	if err != nil {
		return path{}, err
	}
	host := strings.SplitN(strings.TrimPrefix(*t.Body.HttpTrigger.UrlInternet, "http://"), "/", 2)[0]
	return path{name: "trigger", addr: p.Host(), host: host, pids: func() []int { return tree(p.PID) }}, nil
}
