package nodeagent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/fcstack/fcstack/platform/fc"
	"github.com/fcstack/fcstack/platform/kit/httpx"
)

// healthCheck is a fc.HealthCheck with its defaults.
type healthCheck struct {
	path                   string
	delay, period, timeout time.Duration
	failures               int
}

func healthOf(v *fc.Version) (healthCheck, bool) {
	if v.Custom == nil || v.Custom.Health == nil || v.Custom.Health.Path == "" {
		return healthCheck{}, false
	}
	h := v.Custom.Health
	return healthCheck{
		path: h.Path, delay: h.InitialDelay,
		period:   cmp.Or(h.Period, 3*time.Second),
		timeout:  cmp.Or(h.Timeout, time.Second),
		failures: cmp.Or(h.FailureThreshold, 3),
	}, true
}

// watchHealth asks a custom runtime how it is for as long as it takes calls. One that
// fails so often in a row takes no more of them and is let go.
func (a *Agent) watchHealth(i *instance) {
	h, wanted := healthOf(i.version)
	l, can := i.link.(*httpLink)
	if !wanted || !can {
		return
	}
	go func() {
		next := time.NewTimer(h.delay + h.period)
		defer next.Stop()
		for misses := 0; misses < h.failures; {
			select {
			case <-i.retired:
				return
			case <-next.C:
			}
			if err := h.ask(i.life, l); err == nil {
				misses = 0
			} else if misses++; misses == h.failures {
				a.log.Warn("instance is unhealthy", "function", i.info.Version.String(), "instance", string(i.info.ID), "err", err)
			}
			next.Reset(h.period)
		}
		a.retire(i, ending{reason: reasonUnhealthy, graceful: true})
	}()
}

// ask makes one check; every status below 400 but the informational ones is healthy.
func (h healthCheck) ask(ctx context.Context, l *httpLink) error {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	resp, err := l.pool.Do(ctx, &httpx.Request{Method: http.MethodGet, URI: h.path, Host: "localhost", Extra: l.common})
	if err != nil {
		return err
	}
	defer resp.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp, maxHookAnswer)); err != nil {
		return err
	}
	if s := resp.Status(); s < 200 || s > 399 {
		return fmt.Errorf("health check %s answered %d: %w", h.path, s, errUnhealthy)
	}
	return nil
}

var errUnhealthy = errors.New("unhealthy")
