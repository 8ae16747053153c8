package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A control lets the other commands reach the server that has the data folder
// open, over a socket inside the folder: only one process may open the store.
// Whoever may write the folder may use the socket.
type control struct {
	app      *app
	listener net.Listener
	server   *http.Server
	remove   func() error

	agents sync.WaitGroup  // agents that are served
	ending context.Context // ends when the server does
	end    context.CancelFunc
}

func controlPath(data string) string { return filepath.Join(data, "control.sock") }

// maxSocketPath is how long, in bytes, the name of a Unix socket may be on
// every system (sun_path holds 104 bytes on macOS, 108 on Linux).
const maxSocketPath = 100

// controlPrefix begins the name of a folder that holds only a socket.
const controlPrefix = "govqa-control-"

// socketPath is where the socket itself is: in the data folder, or, when the
// folder's name is too long for a socket, where the link in the folder leads.
func socketPath(data string) (string, error) {
	path := controlPath(data)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	return os.Readlink(path)
}

// listenControl makes the socket, and for a folder with a long name a private
// folder for it and the link there. remove takes away what Close leaves.
func listenControl(ctx context.Context, data string) (l net.Listener, remove func() error, err error) {
	path := controlPath(data)
	if old, err := os.Readlink(path); err == nil && strings.HasPrefix(filepath.Base(filepath.Dir(old)), controlPrefix) {
		if err := os.RemoveAll(filepath.Dir(old)); err != nil {
			return nil, nil, err
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	remove = func() error { return nil }
	if len(path) > maxSocketPath {
		dir, err := os.MkdirTemp("", controlPrefix+"*")
		if err != nil {
			return nil, nil, err
		}
		link := path
		path = filepath.Join(dir, "sock")
		remove = func() error { return errors.Join(os.Remove(link), os.RemoveAll(dir)) }
		if err := os.Symlink(path, link); err != nil {
			return nil, nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	if l, err = (&net.ListenConfig{}).Listen(ctx, "unix", path); err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, nil, errors.Join(err, l.Close(), remove())
	}
	return l, remove, nil
}

// newControl makes the socket. One that a killed server left is replaced: the
// store's lock has shown that no server runs.
func newControl(ctx context.Context, data string, a *app) (*control, error) {
	l, remove, err := listenControl(ctx, data)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	ctl := &control{app: a, listener: l, remove: remove}
	ctl.ending, ctl.end = context.WithCancel(context.WithoutCancel(ctx))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /mcp", ctl.serveMCP)
	mux.HandleFunc("POST /import", ctl.importFiles)
	mux.HandleFunc("POST /events", ctl.importEvents)
	mux.HandleFunc("POST /users", ctl.changeUser)
	mux.HandleFunc("POST /users/list", ctl.listUsers)
	mux.HandleFunc("POST /messages", ctl.listMessages)
	mux.HandleFunc("POST /vectors", ctl.vectors)
	mux.HandleFunc("POST /model", ctl.switchModel)
	mux.HandleFunc("POST /messages/reply", ctl.replyMessage)
	mux.HandleFunc("POST /webhooks", ctl.webhooks)
	mux.HandleFunc("POST /wechat/menu", ctl.wechatMenu)
	mux.HandleFunc("GET /export", ctl.download(func(_ context.Context, _ string, w io.Writer) error {
		return a.store.Export(w, a.store.Edition())
	}))
	mux.HandleFunc("GET /backup", ctl.download(func(ctx context.Context, actor string, w io.Writer) error {
		return backupOf(ctx, actor, w, data, a.history, a.store)
	}))
	ctl.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	return ctl, nil
}

func (ctl *control) serve() error {
	if err := ctl.server.Serve(ctl.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

func (ctl *control) close(ctx context.Context) error {
	ctl.end()
	err := ctl.server.Shutdown(ctx)
	ctl.agents.Wait()
	return errors.Join(err, ctl.remove())
}

// importFiles imports and waits until the new edition answers questions.
func (ctl *control) importFiles(w http.ResponseWriter, r *http.Request) {
	var job importJob
	if err := json.NewDecoder(r.Body).Decode(&job); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	report, err := runImport(r.Context(), ctl.app.store, job, nil)
	if err == nil && report.Edition > 0 {
		err = ctl.app.live(r.Context())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(report); err != nil {
		ctl.app.log.Error("control: import report not sent", "err", err)
	}
}

// answer reads a job, does it, and writes what came of it.
func (ctl *control) answer(w http.ResponseWriter, r *http.Request, job any, do func() (any, error)) {
	if err := json.NewDecoder(r.Body).Decode(job); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	reply, err := do()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(reply); err != nil {
		ctl.app.log.Error("control: reply not sent", "err", err)
	}
}

// doneTrailer follows a download that is complete: without it the reader must
// take what it has for cut off.
const doneTrailer = "Govqa-Done"

// download gives what write writes for the actor that the request names.
func (ctl *control) download(write func(ctx context.Context, actor string, w io.Writer) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", doneTrailer)
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := write(r.Context(), r.FormValue("actor"), w); err != nil {
			w.Header().Set(doneTrailer, err.Error())
			return
		}
		w.Header().Set(doneTrailer, "ok")
	}
}

func controlClient(data string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, err := socketPath(data)
		if err != nil {
			return nil, err
		}
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}}
}

// noServer reports whether an error says that no server has the folder.
func noServer(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// viaControl posts a job to the server of a data folder. served is false when
// there is none.
func viaControl(ctx context.Context, data, path string, job, reply any) (served bool, err error) {
	body, err := json.Marshal(job)
	if err != nil {
		return false, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://govqa"+path, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	resp, err := controlClient(data).Do(req)
	if err != nil {
		if noServer(err) {
			return false, nil
		}
		return true, fmt.Errorf("运行中的服务：%w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
		return true, errors.Join(fmt.Errorf("运行中的服务：%s", bytes.TrimSpace(said)), err)
	}
	return true, json.NewDecoder(resp.Body).Decode(reply)
}

// downloadViaControl copies what the server of a data folder gives.
func downloadViaControl(ctx context.Context, data, path string, w io.Writer) (served bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://govqa"+path, nil)
	if err != nil {
		return false, err
	}
	resp, err := controlClient(data).Do(req)
	if err != nil {
		if noServer(err) {
			return false, nil
		}
		return true, fmt.Errorf("运行中的服务：%w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return true, fmt.Errorf("运行中的服务：%w", err)
	}
	if said := resp.Trailer.Get(doneTrailer); said != "ok" {
		return true, fmt.Errorf("运行中的服务：没有写完：%s", said)
	}
	return true, nil
}
