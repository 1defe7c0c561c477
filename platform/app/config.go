package app

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// Standalone is the configuration of the platform in one process.
type Standalone struct {
	Listen       string        // host:port of the API and of HTTP triggers
	HealthListen string        // host:port, loopback only; "": the port after Listen's
	DataDir      string        // "": the default of the system
	Ephemeral    bool          // use a fresh directory and remove it at the end
	Domains      []string      // whose first label names an HTTP trigger
	Region       string        // as ARNs and functions see it
	MemoryMB     int           // that functions may ask for together; 0: four times the machine's
	DrainTimeout time.Duration // for running calls, after SIGTERM
	FunctionLogs string        // stderr or off
	LogLevel     string
	LogFormat    string
}

// DefaultStandalone is what fc standalone runs with.
func DefaultStandalone() Standalone {
	return Standalone{
		Listen:       "127.0.0.1:9600",
		Domains:      []string{"fc.localhost"},
		Region:       "local",
		DrainTimeout: 30 * time.Second,
		FunctionLogs: "stderr",
		LogLevel:     "info",
		LogFormat:    "text",
	}
}

var (
	domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	regionForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// Validate checks every field and names the one that is wrong.
func (c Standalone) Validate() error {
	if err := checkAddress("--listen", c.Listen); err != nil {
		return err
	}
	if c.HealthListen != "" {
		if err := checkAddress("--health-listen", c.HealthListen); err != nil {
			return err
		}
		host, _, _ := net.SplitHostPort(c.HealthListen)
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return fmt.Errorf("--health-listen: %q is not a loopback address such as 127.0.0.1:9601", c.HealthListen)
		}
	}
	if len(c.Domains) == 0 {
		return fmt.Errorf("--domain: at least one is needed, such as fc.localhost")
	}
	for _, d := range c.Domains {
		if !domainForm.MatchString(d) {
			return fmt.Errorf("--domain: %q is not a domain name in lower case", d)
		}
	}
	switch {
	case !regionForm.MatchString(c.Region):
		return fmt.Errorf("--region: %q is not 1 to 63 of a-z, 0-9 and -", c.Region)
	case c.MemoryMB < 0:
		return fmt.Errorf("--memory: %d is negative", c.MemoryMB)
	case c.DrainTimeout < 0:
		return fmt.Errorf("--drain-timeout: %s is negative", c.DrainTimeout)
	case c.FunctionLogs != "stderr" && c.FunctionLogs != "off":
		return fmt.Errorf("--function-logs: %q is neither stderr nor off", c.FunctionLogs)
	}
	return nil
}

func checkAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port, such as 127.0.0.1:9600", flag, address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s: port %q is not a number from 0 to 65535", flag, port)
	}
	return nil
}

// healthAddress is the one configured, or the port after that of the API.
func (c Standalone) healthAddress() string {
	if c.HealthListen != "" {
		return c.HealthListen
	}
	_, port, _ := net.SplitHostPort(c.Listen)
	n, _ := strconv.Atoi(port)
	if n != 0 && n < 65535 {
		n++
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(n))
}

// memoryMB is how much functions may ask for. Processes do not reserve what they ask
// for, so the default is more than there is.
func (c Standalone) memoryMB() int {
	if c.MemoryMB > 0 {
		return c.MemoryMB
	}
	return max(4*machineMemoryMB(), 4<<10)
}

const defaultDataDirText = "$XDG_DATA_HOME/fcstack, or ~/.local/share/fcstack"

// defaultDataDir follows the XDG base directory specification.
func defaultDataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "fcstack"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory; name one with --data-dir: %w", err)
	}
	return filepath.Join(home, ".local", "share", "fcstack"), nil
}
