package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/mcp"
)

// serveMCP serves one agent over standard input and output: through the server
// that has the data folder, or by itself.
func serveMCP(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	conn, err := dialMCP(ctx, c.data)
	if err != nil {
		return err
	}
	if conn != nil {
		return pipe(ctx, conn, os.Stdin, c.out)
	}
	a, err := openApp(ctx, c.data, true, logTo(c.err), c.err)
	if err != nil {
		return err
	}
	return errors.Join(serveMCPHere(ctx, c, a), a.close())
}

// serveMCPHere serves from the opened folder.
func serveMCPHere(ctx context.Context, c *call, a *app) error {
	if err := a.replay(); err != nil {
		return err
	}
	// How long events are kept is for the service to say: here none is dropped.
	if err := a.remember(ctx, c.data, -1); err != nil {
		return err
	}
	s, err := newMCP(a)
	if err != nil {
		return err
	}
	return s.Run(ctx, os.Stdin, keepOpen{c.out})
}

// newMCP makes the protocol for programs of this machine: no gate counts them,
// and they need no key.
func newMCP(a *app) (*mcp.Server, error) {
	return mcp.New(version(), api.Host{
		Engine: a.engine,
		Allow:  func(context.Context, string) error { return nil },
		Problem: func(ctx context.Context, err error) *api.Problem {
			p := api.ProblemOf(err)
			if p.Status == http.StatusInternalServerError {
				a.log.ErrorContext(ctx, "agent not served", "err", err)
			}
			return p
		},
	})
}

// keepOpen is standard output, which others may still write to.
type keepOpen struct{ io.Writer }

// Close implements [io.Closer].
func (keepOpen) Close() error { return nil }

// mcpUpgrade names the protocol that a connection to the control socket
// changes to.
const mcpUpgrade = "govqa-mcp"

// dialMCP connects to the server that has the folder. It returns nil when there
// is none.
func dialMCP(ctx context.Context, data string) (net.Conn, error) {
	path, err := socketPath(data)
	if noServer(err) {
		return nil, nil //nolint:nilnil // said above
	}
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if noServer(err) {
		return nil, nil //nolint:nilnil // said above
	}
	if err != nil {
		return nil, fmt.Errorf("运行中的服务：%w", err)
	}
	_, err = fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: govqa\r\nConnection: Upgrade\r\nUpgrade: %s\r\nContent-Length: 0\r\n\r\n", mcpUpgrade)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("运行中的服务：%w", err), conn.Close())
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("运行中的服务：%w", err), conn.Close())
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(fmt.Errorf("运行中的服务：%s", resp.Status), conn.Close())
	}
	return &bufferedConn{conn, in}, nil
}

// A bufferedConn reads first what was read ahead.
type bufferedConn struct {
	net.Conn
	in *bufio.Reader
}

// Read implements [io.Reader].
func (c *bufferedConn) Read(p []byte) (int, error) { return c.in.Read(p) }

// pipe copies both ways until the server has said all that it has to say to
// what was sent, or ctx ends.
func pipe(ctx context.Context, conn net.Conn, in io.Reader, out io.Writer) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // ends both copies
	defer stop()
	go func() {
		_, err := io.Copy(conn, in)
		if half, ok := conn.(*bufferedConn).Conn.(*net.UnixConn); ok && err == nil {
			_ = half.CloseWrite() // the server sees the end and closes its side
		}
	}()
	_, err := io.Copy(out, conn)
	if ctx.Err() != nil { // told to stop
		return nil
	}
	return errors.Join(err, conn.Close())
}

// serveMCP serves an agent over the connection of a request to the control
// socket, until either side ends.
func (ctl *control) serveMCP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != mcpUpgrade {
		http.Error(w, "Upgrade: "+mcpUpgrade, http.StatusUpgradeRequired)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	ctl.agents.Add(1)
	defer ctl.agents.Done()
	defer conn.Close()
	if err := conn.SetDeadline(time.Time{}); err != nil {
		ctl.app.log.Error("control: agent not served", "err", err)
		return
	}
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", mcpUpgrade); err != nil {
		return // the agent has gone
	}
	s, err := newMCP(ctl.app)
	if err == nil {
		err = s.Run(ctl.ending, &bufferedConn{conn, buffered.Reader}, conn)
	}
	if err != nil && ctl.ending.Err() == nil {
		ctl.app.log.Warn("control: agent ended", "err", err)
	}
}
