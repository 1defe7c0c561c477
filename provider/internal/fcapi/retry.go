package fcapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// retry bounds how often and how long a call is repeated.
type retry struct {
	attempts    int
	first, most time.Duration // the pause after the first failure, and the longest
}

// read repeats a call that changes nothing.
func (c *Client) read(ctx context.Context, op string, call func(context.Context) error) error {
	return c.repeat(ctx, op, call, worthRepeating)
}

// put repeats a call that leaves the same behind however often it is made.
func (c *Client) put(ctx context.Context, op string, call func(context.Context) error) error {
	return c.repeat(ctx, op, call, worthRepeating)
}

// create repeats a call only if it cannot have been carried out.
func (c *Client) create(ctx context.Context, op string, call func(context.Context) error) error {
	return c.repeat(ctx, op, call, func(err *Error) bool {
		return errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnreachable) && !err.sent
	})
}

func worthRepeating(err *Error) bool {
	return errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnavailable) ||
		errors.Is(err, ErrUnreachable) || errors.Is(err, ErrConflict)
}

func (c *Client) repeat(ctx context.Context, op string, call func(context.Context) error, again func(*Error) bool) error {
	pause := c.retry.first
	for attempt := 1; ; attempt++ {
		err := call(ctx)
		if err == nil {
			return nil
		}
		failure := classify(op, err)
		if attempt == c.retry.attempts || !again(failure) || !sleep(ctx, jitter(pause)) {
			return failure
		}
		pause = min(2*pause, c.retry.most)
	}
}

// jitter spreads the clients that failed together.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }

// sleep reports whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
