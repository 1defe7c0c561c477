package invoke

import (
	"context"
	"errors"

	"github.com/fcstack/fcstack/platform/fc"
)

// attempts bounds how often a call that has not begun is tried.
const attempts = 8

// Retrying wraps a Runner: a call that cannot have begun is tried again on another
// slot, and one whose version was replaced meanwhile is resolved anew.
func Retrying(r Runner) Runner { return retrying{r} }

type retrying struct{ next Runner }

func (r retrying) Run(ctx context.Context, in *fc.Invocation, out fc.ResultWriter) error {
	for attempt := 1; ; attempt++ {
		err := r.next.Run(ctx, in, out)
		if err == nil || attempt == attempts || !notBegun(err) || ctx.Err() != nil {
			return err
		}
		if errors.Is(err, fc.ErrStale) {
			in.Version = nil
		}
	}
}

func notBegun(err error) bool {
	return errors.Is(err, fc.ErrGone) || errors.Is(err, fc.ErrSaturated) || errors.Is(err, fc.ErrStale)
}
