// Package loop repeats work until told to stop. It leaves what to do with an error of
// the work to the work.
package loop

import (
	"context"
	"time"
)

// Every calls work now and then once every d until ctx is done, and returns nil. A call
// that takes longer than d delays the next one.
func Every(ctx context.Context, d time.Duration, work func(context.Context)) error {
	t := time.NewTicker(d)
	defer t.Stop()
	for {
		work(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}
