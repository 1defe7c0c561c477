// A go1 function for tests, built with the official SDK.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"
)

type event struct{ Do, Arg string }

func handle(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "context":
		c, _ := fccontext.FromContext(ctx)
		deadline, _ := ctx.Deadline()
		return map[string]any{
			"request": c.RequestID, "name": c.Function.Name, "handler": c.Function.Handler, "memory": c.Function.Memory,
			"timeout": c.Function.Timeout, "region": c.Region, "account": c.AccountId, "version": c.Service.VersionId,
			"qualifier": c.Service.Qualifier, "attempt": c.RetryCount, "left": time.Until(deadline).Seconds(),
			"initialized": initialized,
		}, nil
	case "error":
		return nil, errors.New(e.Arg)
	case "panic":
		panic(e.Arg)
	case "exit":
		os.Exit(3)
	case "sleep":
		time.Sleep(time.Hour)
	case "say":
		fmt.Println(e.Arg)
	case "size":
		return len(e.Arg), nil
	}
	return e.Arg, nil
}

var initialized bool

func main() {
	fc.RegisterInitializerFunction(func(context.Context) {
		if os.Getenv("INIT") == "panic" {
			panic("no database")
		}
		initialized = true
	})
	fc.RegisterPreStopFunction(func(context.Context) {
		stopped, _ := json.Marshal(os.Getenv("FC_INSTANCE_ID"))
		os.WriteFile(os.Getenv("STOP_FILE"), stopped, 0o600)
	})
	fc.Start(handle)
}
