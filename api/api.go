// Package api serves questions and answers over HTTP: JSON operations, an
// event stream of an answer, health and figures, and the document that
// describes them all.
//
// It promises that every failure is a problem document (RFC 9457) whose title
// a citizen can read, that no question, full address or name is logged or traced, that no
// request waits without a deadline, and that a shutdown lets running answers
// finish.
package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// Engine is what the API serves. Its methods are called by many at once.
type Engine interface {
	// Ask answers a question; answer.ErrBadQuestion if it is none.
	Ask(ctx context.Context, r answer.Request) (answer.Answer, error)
	Search(ctx context.Context, r answer.SearchRequest) (answer.SearchPage, error)
	Suggest(ctx context.Context, text string, region corpus.RegionCode, limit int) ([]answer.Suggestion, error)
	// Guide returns the guide of a matter; corpus.ErrNotFound if there is none.
	Guide(ctx context.Context, code string) (*corpus.Guide, error)
	Themes(ctx context.Context, region corpus.RegionCode) ([]answer.ThemeCount, error)
	Regions(ctx context.Context) ([]answer.RegionCount, error)
	Hot(ctx context.Context, region corpus.RegionCode, limit int) ([]answer.HotQuestion, error)
	Feedback(ctx context.Context, f answer.Feedback) error
	guideReader
	messageTaker
	// Edition is the edition that answers rest on now.
	Edition() corpus.Edition
	// Ready is nil when questions can be answered, and else says what is missing.
	Ready() error
}

// A Mount registers what is served besides.
type Mount = func(*fiber.App)

// A Reworder puts the answer to a request into plainer words by a language
// model, or returns it unchanged. It gives show each sentence that stands so far.
type Reworder interface {
	Reword(ctx context.Context, r answer.Request, a answer.Answer, show func(sentence string)) answer.Answer
}

// Config says how to serve. The zero value is fit for use.
type Config struct {
	Version        string        // of the program, for the OpenAPI document; "" means "dev"
	AskTimeout     time.Duration // the longest that one request may take; 0 means 5 s
	AskWait        time.Duration // the longest that a question waits for its turn; 0 means 1 s
	MaxAsks        int           // questions answered at once; 0 means 4 for each processor
	MaxStreams     int           // event streams open at once; 0 means 500
	AsksPerMinute  int           // questions from one address; 0 means 60 and no limit for this machine itself, negative means no limit
	TrustedProxies []string      // addresses or networks (10.0.0.0/8) whose X-Forwarded-For and -Proto are believed
	AllowedOrigins []string      // origins (https://example.gov.cn) whose pages may call the API; none by default
	AllowedFrames  []string      // origins whose pages may show ours in a frame, for the widget; none by default
	MetricsPublic  bool          // whether /metrics answers others than this machine

	Documents func() uint64            // documents in the index, for /metrics; nil leaves the figure out
	Figures   []prometheus.Collector   // further figures for /metrics
	Rewording time.Duration            // the longest that a Reworder takes
	Checks    []Check                  // of the parts of the service, for /readyz and /metrics
	Tracing   trace.TracerProvider     // gets the spans of requests; nil traces nothing
	Reworder  Reworder                 // puts answers into plainer words; nil leaves them as they are composed
	Explainer Explainer                // explains policies; nil leaves its operation out
	Personal  Personal                 // remembers people; nil leaves its operations out
	Pages     func(*fiber.App, Engine) // registers the citizen pages; nil means no pages

	Interfaces []Interface   // other protocols over the same engine
	Described  []Description // of what Mounts serve, for the OpenAPI document
	Keys       Keys          // of integrators; nil knows none
	NeedKey    []string      // names of interfaces that only answer to a key
	Mounts     []Mount       // register what else is served: the pages of staff, other channels
	Rooms      []Room        // paths whose requests may be longer
}

// How long a peer may take to send a request, to read a reply, and to think
// between two requests.
const (
	readTimeout  = 10 * time.Second
	writeTimeout = 30 * time.Second // beyond AskTimeout and Rewording
	idleTimeout  = 60 * time.Second
)

const (
	maxBody    = 64 << 10 // bytes of a request body
	readBody   = 1 << 20  // bytes that are read so that a longer one gets a reply and not a reset connection
	maxHeaders = 16 << 10 // bytes of a request's head: 300 characters are 2.7 KB in a query
)

// personalPerAsk is how many requests for people's own data count as one
// question; allowedMethods are those that some path takes.
const (
	personalPerAsk = 5
	allowedMethods = "GET, HEAD, POST, PUT, DELETE"
)

// heartbeat is how often a silent stream says that it is alive.
const heartbeat = 15 * time.Second

func (cfg Config) withDefaults() Config {
	or := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	or(&cfg.MaxAsks, 4*runtime.GOMAXPROCS(0))
	or(&cfg.MaxStreams, 500)
	if cfg.AskTimeout == 0 {
		cfg.AskTimeout = 5 * time.Second
	}
	if cfg.AskWait == 0 {
		cfg.AskWait = time.Second
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	if cfg.Tracing == nil {
		cfg.Tracing = noop.NewTracerProvider()
	}
	return cfg
}

// check reports what cannot be meant.
func (cfg Config) check() error {
	var errs []error
	if cfg.MaxAsks < 0 || cfg.MaxStreams < 0 || cfg.AskTimeout < 0 || cfg.AskWait < 0 {
		errs = append(errs, errors.New("a limit is negative"))
	}
	for _, o := range slices.Concat(cfg.AllowedOrigins, cfg.AllowedFrames) {
		if err := checkOrigin(o); err != nil {
			errs = append(errs, err)
		}
	}
	for _, name := range cfg.NeedKey {
		if !slices.ContainsFunc(cfg.Interfaces, func(i Interface) bool { return i.Name == name }) {
			errs = append(errs, fmt.Errorf("no interface %q that could need a key", name))
		}
	}
	if len(cfg.NeedKey) > 0 && cfg.Keys == nil {
		errs = append(errs, errors.New("keys are needed but none are known"))
	}
	return errors.Join(errs...)
}

// A Server serves an Engine. Make one with New.
type Server struct {
	cfg       Config
	log       *slog.Logger
	engine    *gate
	app       *fiber.App
	api       huma.API
	metrics   *metrics
	tracer    trace.Tracer
	trusted   []netip.Prefix
	personal  *limiter      // of requests for people's own data
	keys      *keyring      // nil if no keys are known
	policy    string        // of content, for every reply
	streams   chan struct{} // a token for each open stream
	heartbeat time.Duration

	base    context.Context // of all requests; ends when a shutdown runs out of time
	stop    context.CancelFunc
	running sync.WaitGroup // streams and what they started

	mu     sync.Mutex
	ln     net.Listener
	closed bool
}

// New returns a server of engine. An error says what about cfg is wrong.
func New(cfg Config, engine Engine, log *slog.Logger) (*Server, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	trusted, err := parseProxies(cfg.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s := &Server{
		cfg:       cfg,
		log:       log,
		trusted:   trusted,
		policy:    contentPolicy(cfg.AllowedFrames),
		streams:   make(chan struct{}, cfg.MaxStreams),
		heartbeat: heartbeat,
	}
	s.base, s.stop = context.WithCancel(context.Background())
	s.tracer = cfg.Tracing.Tracer("github.com/govqa/govqa/api")
	s.metrics = newMetrics(engine, cfg.Documents, s.streams)
	for _, f := range append([]prometheus.Collector{newComponentHealth(s.checks), buildInfo(cfg.Version)}, cfg.Figures...) {
		if err := s.metrics.registry.Register(f); err != nil {
			return nil, fmt.Errorf("api: %w", err)
		}
	}
	s.engine = newGate(engine, cfg, s.metrics)
	s.personal = newLimiter(personalPerAsk*s.engine.perMinute, time.Now)
	if cfg.Keys != nil {
		s.keys = newKeyring(cfg.Keys, time.Now)
	}
	s.app = fiber.New(fiber.Config{
		AppName:               "govqa",
		DisableStartupMessage: true,
		Immutable:             true, // strings outlive the handler: they go into streams and journals
		CaseSensitive:         true,
		BodyLimit:             readBody,
		ReadBufferSize:        maxHeaders,
		ReadTimeout:           readTimeout,
		WriteTimeout:          cfg.AskTimeout + cfg.Rewording + writeTimeout,
		IdleTimeout:           idleTimeout,
		ErrorHandler:          s.fail,
	})
	if err := s.routes(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	s.app.Server().Handler = s.handler(s.app.Handler())
	s.app.Server().HeaderReceived = s.allow
	return s, nil
}

// handler refuses methods that fiber does not know; it would do so in its own
// words.
func (s *Server) handler(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(rc *fasthttp.RequestCtx) {
		if slices.Contains(fiber.DefaultMethods, string(rc.Method())) {
			next(rc)
			return
		}
		c := s.app.AcquireCtx(rc)
		defer s.app.ReleaseCtx(c)
		c.Set(fiber.HeaderAllow, allowedMethods)
		if err := s.fail(c, fiber.ErrMethodNotAllowed); err != nil {
			s.log.Error("refusal not sent", "err", err)
		}
	}
}

// routes registers all that is served.
func (s *Server) routes() error {
	s.app.Use(s.observe, s.cors, compress, s.limitBody, s.authenticate)
	s.api = s.newAPI()
	s.registerAsk()
	s.registerBrowse()
	s.registerPersonal()
	s.registerExplain()
	s.registerMessages()
	s.registerHealth()
	if err := s.serveInterfaces(); err != nil {
		return err
	}
	for _, mount := range s.cfg.Mounts {
		mount(s.app)
	}
	if s.cfg.Pages != nil {
		s.cfg.Pages(s.app, s.engine)
	}
	return s.registerDocs()
}

// App is the fiber application, for tests.
func (s *Server) App() *fiber.App { return s.app }

// Listen serves requests from ln until Shutdown, and closes ln. It returns
// nil after a shutdown; whoever called Shutdown must still wait for it to
// return before the process ends.
func (s *Server) Listen(ln net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.Join(http.ErrServerClosed, ln.Close())
	}
	s.ln = ln
	s.mu.Unlock()
	return s.app.Listener(ln)
}

// Shutdown takes no new requests and waits for those that run, streams too.
// When ctx ends first it cancels them and returns ctx's error.
func (s *Server) Shutdown(ctx context.Context) error {
	defer s.stop()
	s.mu.Lock()
	s.closed = true
	ln := s.ln
	s.mu.Unlock()
	if ln == nil {
		return nil
	}
	err := s.app.ShutdownWithContext(ctx)
	// Listen may have been about to serve: then only the listener stops it.
	if closeErr := ln.Close(); closeErr != nil && !errors.Is(closeErr, net.ErrClosed) {
		err = errors.Join(err, closeErr)
	}
	if err != nil {
		return err
	}
	if err := s.waitStreams(ctx); err != nil {
		return err
	}
	if s.keys != nil {
		return s.keys.keep(ctx)
	}
	return nil
}

func (s *Server) waitStreams(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// draining reports whether a shutdown has begun.
func (s *Server) draining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}
