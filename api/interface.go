package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// An Interface is another protocol over the same engine, served beside the
// API: a net/http handler for paths of its own. Its requests pass the API's
// own gates first, and it asks through the same one as everybody.
type Interface struct {
	Name       string                           // as the configuration calls it
	Prefix     string                           // of its paths, "/v1/"
	Operations []Operation                      // what it serves
	TagWords   string                           // says what their group is
	Handler    func(Host) (http.Handler, error) // made once
	MaxBody    int                              // bytes of a request body; 0 means as much as the API takes

	// Problem puts a failure into the protocol's own form, which is sent as
	// JSON; nil sends problem documents.
	Problem func(*Problem) any
}

// A Host is what a handler of another protocol gets of the server.
type Host struct {
	Engine Engine // behind the gate
	// Allow returns a Problem if the request has a key without the scope.
	Allow func(ctx context.Context, scope string) error
	// Problem says what an error is in the words of the API, and logs it if it is
	// ours to mend.
	Problem func(ctx context.Context, err error) *Problem
}

// serveInterfaces registers the handlers of other protocols.
func (s *Server) serveInterfaces() error {
	for _, i := range s.cfg.Interfaces {
		guard, err := s.sameOrigin(&i)
		if err != nil {
			return err
		}
		own, err := i.Handler(Host{Engine: s.engine, Allow: allow, Problem: s.problem})
		if err != nil {
			return fmt.Errorf("%s: %w", i.Prefix, err)
		}
		serve := s.foreign(guard.Handler(own))
		for _, op := range i.Operations {
			s.tag(op.Tag, i.TagWords)
			h := scoped(op.Scope, serve)
			path := pathParameter.ReplaceAllString(op.Path, ":$1")
			if op.Method == http.MethodGet {
				s.app.Head(path, h)
			}
			s.app.Add(op.Method, path, h)
			if err := s.describe(op, i.Problem); err != nil {
				return err
			}
		}
	}
	return nil
}

// sameOrigin keeps out what pages of other sites make a browser send.
func (s *Server) sameOrigin(i *Interface) (*http.CrossOriginProtection, error) {
	guard := http.NewCrossOriginProtection()
	for _, o := range s.cfg.AllowedOrigins {
		if o == "*" {
			guard.AddInsecureBypassPattern("/")
		} else if err := guard.AddTrustedOrigin(o); err != nil {
			return nil, err
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, contentType, err := i.failure(s.problem(r.Context(), NewProblem(http.StatusForbidden, "别的网站的网页不能调用这个接口。")))
		if err != nil {
			panic(err) // plain data; caught and logged
		}
		w.Header().Set(fiber.HeaderContentType, contentType)
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write(body) // into memory
	}))
	return guard, nil
}

// failure writes a problem in the form of a protocol; nil is the API's own.
func (i *Interface) failure(p *Problem) (body []byte, contentType string, err error) {
	if i == nil || i.Problem == nil {
		body, err = json.Marshal(p)
		return body, problemType, err
	}
	body, err = json.Marshal(i.Problem(p))
	return body, fiber.MIMEApplicationJSON, err
}

// pathParameter matches a parameter in the path of an operation.
var pathParameter = regexp.MustCompile(`\{(\w+)\}`)

// interfaceOf is the interface that serves a path, if one does.
func (s *Server) interfaceOf(path string) *Interface {
	for n := range s.cfg.Interfaces {
		if i := &s.cfg.Interfaces[n]; strings.HasPrefix(path, i.Prefix) {
			return i
		}
	}
	return nil
}

// maxBodyOf is how long the body of a request may be.
func (s *Server) maxBodyOf(path string) int {
	if path == pathEvents {
		return readBody
	}
	if i := s.interfaceOf(path); i != nil && i.MaxBody > 0 {
		return i.MaxBody
	}
	if r := s.roomOf(path); r != nil {
		return r.MaxBody // whoever is not admitted has been refused before
	}
	return maxBody
}

// foreign serves a net/http handler. fasthttp's own adaptor lends the handler
// a request that it takes back while a stream still runs; here the handler gets
// copies, a context that ends when the reader has gone, and its panics are
// caught. What it writes is sent at once when it flushes, as long as a stream
// is free, and else when it returns.
func (s *Server) foreign(h http.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		start := time.Now()
		ctx, cancel := context.WithTimeout(c.UserContext(), s.cfg.AskTimeout+foreignExtra)
		r, err := requestOf(ctx, c)
		if err != nil {
			cancel()
			return fiber.ErrBadRequest
		}
		w := &foreignWriter{header: http.Header{}, streams: s.streams, flushed: make(chan struct{}), returned: make(chan struct{})}
		s.running.Go(func() { w.serve(h, r) })
		select {
		case <-w.returned:
		case <-w.flushed:
		}
		if !w.streaming() { // it has returned
			defer cancel()
			return w.reply(c)
		}
		w.head(c)
		c.Locals(keyStreamed, true)
		s.running.Add(1)
		method, route := c.Method(), routeOf(c)
		c.Context().Response.ImmediateHeaderFlush = true
		c.Context().Response.SetBodyStream(&foreignStream{w: w, end: func(n int) {
			cancel()
			<-w.returned
			<-s.streams
			if w.caught != nil {
				_ = s.problem(ctx, w.caught) // for its log
			}
			s.done(ctx, method, route, w.status, n, start)
			s.running.Done()
		}}, -1)
		return nil
	}
}

// foreignExtra is how much longer than a question a foreign request may take:
// it may ask several.
const foreignExtra = 15 * time.Second

// requestOf copies a request, because its stream may outlive the handler.
func requestOf(ctx context.Context, c *fiber.Ctx) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, c.Method(), strings.Clone(c.OriginalURL()), bytes.NewReader(bytes.Clone(c.Body())))
	if err != nil {
		return nil, err
	}
	for key, value := range c.Request().Header.All() {
		r.Header.Add(string(key), string(value))
	}
	r.Host = strings.Clone(string(c.Request().Host()))
	r.RemoteAddr = c.Context().RemoteAddr().String()
	r.RequestURI = r.URL.RequestURI()
	return r, nil
}

// A foreignWriter takes what a net/http handler writes.
type foreignWriter struct {
	header            http.Header
	status            int
	streams           chan struct{}
	flushed, returned chan struct{} // closed at the first flush; when the handler has returned
	caught            *panicError   // read only after returned

	body   bytes.Buffer // until the first flush
	pipe   *io.PipeWriter
	reader *io.PipeReader
	once   sync.Once
}

func (w *foreignWriter) serve(h http.Handler, r *http.Request) {
	defer close(w.returned)
	defer func() {
		if v := recover(); v != nil {
			w.caught = &panicError{v, debug.Stack()}
		}
		if w.pipe != nil {
			_ = w.pipe.Close() // never fails
		}
	}()
	h.ServeHTTP(w, r)
}

// Header implements [http.ResponseWriter].
func (w *foreignWriter) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter].
func (w *foreignWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write implements [http.ResponseWriter].
func (w *foreignWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.pipe != nil {
		return w.pipe.Write(p)
	}
	return w.body.Write(p)
}

// Flush implements [http.Flusher]: from the first time on what is written is
// sent at once. Where no stream is free, the reply stays whole.
func (w *foreignWriter) Flush() {
	w.once.Do(func() {
		select {
		case w.streams <- struct{}{}: // given back by the stream
		default:
			return
		}
		w.WriteHeader(http.StatusOK)
		w.reader, w.pipe = io.Pipe()
		close(w.flushed)
	})
}

// streaming reports whether the handler has flushed.
func (w *foreignWriter) streaming() bool {
	select {
	case <-w.flushed:
		return true
	default:
		return false
	}
}

// head writes status and headers.
func (w *foreignWriter) head(c *fiber.Ctx) {
	c.Status(max(w.status, http.StatusOK))
	for key, values := range w.header {
		if key == fiber.HeaderContentLength || key == fiber.HeaderConnection {
			continue
		}
		if key == fiber.HeaderVary {
			c.Vary(values...)
			continue
		}
		c.Response().Header.Del(key)
		for _, v := range values {
			c.Response().Header.Add(key, v)
		}
	}
}

// reply sends the whole reply of a handler that has returned.
func (w *foreignWriter) reply(c *fiber.Ctx) error {
	if w.caught != nil {
		return w.caught
	}
	w.head(c)
	return c.Send(w.body.Bytes())
}

// A foreignStream is the body of a reply that is still being written.
type foreignStream struct {
	w    *foreignWriter
	n    int
	end  func(n int)
	once sync.Once
}

// Read gives what was written before the first flush, and then what comes.
func (f *foreignStream) Read(p []byte) (int, error) {
	from := io.Reader(f.w.reader)
	if f.w.body.Len() > 0 {
		from = &f.w.body
	}
	n, err := from.Read(p)
	f.n += n
	return n, err
}

// Close ends the handler if it still runs: fasthttp calls it when all is sent,
// or when the reader has gone.
func (f *foreignStream) Close() error {
	f.once.Do(func() {
		_ = f.w.reader.CloseWithError(errGone) // never fails
		f.end(f.n)
	})
	return nil
}

var errGone = errors.New("the reader has gone")
