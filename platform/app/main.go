// Package app puts the platform together: it chooses the backends, connects the modules
// and runs them as processes. It is the only package that knows everything, and it
// decides nothing about functions or calls.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs one command line and returns the exit code: 0, 1 for a failure, 2 for a
// command line that is wrong.
func Main(args []string, version string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "fc",
		Short:         "Function Compute for your own data centre",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(standaloneCommand(version), versionCommand(version))
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %q", err, c.CommandPath()+" --help")}
	})

	err := root.Execute()
	var wrong usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		fmt.Fprintln(stderr, "fc:", err)
		return 2
	}
	fmt.Fprintln(stderr, "fc:", err)
	return 1
}

// usageError is a command line that is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// noArgs refuses arguments with an exit code of its own.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, got %q; see %q", c.CommandPath(), args[0], c.CommandPath()+" --help")}
	}
	return nil
}

func versionCommand(version string) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			fmt.Fprintf(c.OutOrStdout(), "fc %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}

func standaloneCommand(version string) *cobra.Command {
	cfg := DefaultStandalone()
	c := &cobra.Command{
		Use:   "standalone",
		Short: "Run the whole platform in this one process",
		Long: `Run the whole platform in this one process, everything embedded: for a laptop,
a test, a pipeline. Functions run as plain processes, without isolation.

The first start in a data directory makes an account and an access key, keeps them
in the file "credentials" there, and prints how to use them. SIGTERM or SIGINT
drains and ends; a second one ends at once.`,
		Example: `  # Keep everything in the default data directory
  fc standalone

  # Throw everything away at the end
  fc standalone --ephemeral

  # Another address; let the system choose both ports
  fc standalone --listen 0.0.0.0:8080
  fc standalone --listen 127.0.0.1:0`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			log, err := newLogger(c.ErrOrStderr(), cfg.LogLevel, cfg.LogFormat)
			if err != nil {
				return usageError{err}
			}
			ctx, stop := signals(c.Context())
			defer stop()
			tuneMemory()
			return runStandalone(ctx, cfg, version, log, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&cfg.Listen, "listen", cfg.Listen, "address of the API and of HTTP triggers; port 0 lets the system choose")
	f.StringVar(&cfg.HealthListen, "health-listen", cfg.HealthListen, "loopback address of /livez, /readyz and /metrics (default: the port after --listen's)")
	f.StringVar(&cfg.DataDir, "data-dir", cfg.DataDir, "where everything is kept (default: "+defaultDataDirText+")")
	f.BoolVar(&cfg.Ephemeral, "ephemeral", cfg.Ephemeral, "keep everything in a temporary directory, below --data-dir if that is given, and remove it at the end")
	f.StringSliceVar(&cfg.Domains, "domain", cfg.Domains, "domain whose first label names an HTTP trigger; may be repeated")
	f.StringVar(&cfg.Region, "region", cfg.Region, "name of the region that ARNs and functions see")
	f.IntVar(&cfg.MemoryMB, "memory", cfg.MemoryMB, "MiB that functions may ask for together; 0: four times the machine's, as asking is not using here")
	f.DurationVar(&cfg.DrainTimeout, "drain-timeout", cfg.DrainTimeout, "how long running calls may take to end after SIGTERM")
	f.StringVar(&cfg.FunctionLogs, "function-logs", cfg.FunctionLogs, "where the output of functions goes besides the log tail: stderr or off")
	f.StringVar(&cfg.LogLevel, "log-level", cfg.LogLevel, "debug, info, warn or error")
	f.StringVar(&cfg.LogFormat, "log-format", cfg.LogFormat, "text or json")
	return c
}

// signals returns a context that the first SIGTERM or SIGINT ends. The second one ends
// the process at once.
func signals(parent context.Context) (context.Context, func()) {
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, 2)
	signal.Notify(got, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		select {
		case <-got:
			cancel()
		case <-ctx.Done():
			return
		}
		if s, ok := <-got; ok {
			os.Exit(128 + int(s.(syscall.Signal)))
		}
	}()
	return ctx, func() { cancel(); signal.Stop(got); close(got) }
}

func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level: %q is none of debug, info, warn, error", level)
	}
	options := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("--log-format: %q is neither text nor json", format)
}
