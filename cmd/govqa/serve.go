package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/answer/insight"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/compat"
	"github.com/govqa/govqa/api/console"
	apidesk "github.com/govqa/govqa/api/desk"
	"github.com/govqa/govqa/api/mcp"
	"github.com/govqa/govqa/api/quality"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/api/web"
	"github.com/govqa/govqa/api/webhook"
	"github.com/govqa/govqa/api/wording"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/corpus/store"
	"github.com/govqa/govqa/nlp"
)

// shutdownTimeout is how long running answers and streams may take to end.
const shutdownTimeout = 20 * time.Second

// serve runs the service until it is told to stop.
func serve(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	cfg, err := loadConfig(c.values.config, os.LookupEnv)
	if err != nil {
		return err
	}
	if c.values.addr != "" {
		cfg.Addr = c.values.addr
	}
	g, err := loadGuard(cfg.GuardDir)
	if err != nil {
		return err
	}
	ends, err := newEndpoints(&cfg, os.LookupEnv)
	if err != nil {
		return err
	}
	log := slog.New(cfg.logHandler(c.err))
	model, err := newModel(&cfg, g, log, os.LookupEnv)
	if err != nil {
		return err
	}
	a, err := openApp(ctx, c.data, true, log, c.err, func(e *answer.Config) {
		e.Guard = g
		if model != nil {
			e.Refiner = model
		}
	})
	if err != nil {
		return err
	}
	a.model = model
	if a.semantics, err = openSemantics(ends, &cfg, c.data, a, nil); err == nil {
		err = serveApp(ctx, cfg, c.data, a, log, c.err)
	}
	return errors.Join(err, a.close())
}

// loadGuard makes the guard, with a city's own files if dir names a folder.
func loadGuard(dir string) (*guard.Guard, error) {
	var own fs.FS
	if dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%w：guard_dir：%s 不是文件夹", errConfig, dir)
		}
		own = os.DirFS(dir)
	}
	g, err := guard.New(own)
	if err != nil {
		return nil, fmt.Errorf("%w：guard_dir：%w", errConfig, err)
	}
	return g, nil
}

// A service is an app with all that it serves, before it listens.
type service struct {
	server    *api.Server
	people    *staff.Staff
	calls     *desk.Desk
	operators *apidesk.Server
	editing   *console.Console
	quality   *quality.Quality
	flush     func(context.Context) // sends the traces that are left
}

// linkAgent is who asks for links to sources: the hosts that are asked can see
// whose program it is.
func linkAgent(cfg *config) string {
	agent := "govqa-linkcheck/1"
	if cfg.PublicURL != "" {
		agent += " (+" + cfg.PublicURL + ")"
	}
	return agent
}

// newService puts together what an app serves.
func newService(ctx context.Context, cfg config, data string, a *app, log *slog.Logger) (*service, error) {
	if err := a.replay(); err != nil {
		return nil, err
	}
	if err := a.remember(ctx, data, time.Duration(cfg.EventDays)*24*time.Hour); err != nil {
		return nil, err
	}
	var err error
	if a.webhooks, err = cfg.newQueue(a.store, webhook.Options{Log: log}); err != nil {
		return nil, err
	}
	if a.wording, err = wording.NewSwitch(a.store, a.model); err != nil {
		return nil, err
	}
	pages, err := web.New(web.Options{Title: cfg.Title, Hotline: cfg.Hotline, Sample: a.engine.Sample(), Model: modelName(&cfg)})
	if err != nil {
		return nil, err
	}
	if a.accounts, err = cfg.newAccounts(a, log); err != nil {
		return nil, err
	}
	calls, err := openDesk(ctx, a)
	if err != nil {
		return nil, err
	}
	operators := apidesk.New(calls)
	editing := console.New(console.Config{Store: a.store, Pages: pages, Log: log, Live: a.live, Engine: a.engine, Cut: a.seg.Words,
		Dir: filepath.Join(data, "incoming")})
	curating := quality.New(quality.Config{Store: a.store, Engine: a.engine, View: insight.NewView(a.store, &nlp.Parser{Segmenter: a.seg, Lexicon: a.lex}, time.Local),
		Mail: a.mail, Agent: linkAgent(&cfg), Log: log})
	a.store.SetGate(curating.Gate())
	a.settle = curating.Settle
	tracing, flush, err := newTracing(ctx, os.LookupEnv, log)
	if err != nil {
		return nil, err
	}
	staffing, err := cfg.staff(a.store, pages, log, os.LookupEnv)
	if err != nil {
		return nil, err
	}
	people, err := staff.New(staffing, operators.Register, editing.Register, curating.Register, a.webhooks.Register, wording.New(a.wording).Register)
	if err != nil {
		return nil, err
	}
	server, err := api.New(api.Config{
		Version: version(), AskTimeout: time.Duration(cfg.AskTimeout), MaxAsks: cfg.MaxAsks, MaxStreams: cfg.MaxStreams,
		AsksPerMinute: cfg.AsksPerMinute, TrustedProxies: cfg.TrustedProxies, AllowedOrigins: cfg.AllowedOrigins,
		AllowedFrames: cfg.AllowedFrames, MetricsPublic: cfg.MetricsPublic, Pages: api.CitizenPages(pages, log),
		Personal:   a.engine,
		Explainer:  a.engine,
		Reworder:   a.reworder(),
		Rewording:  time.Duration(cfg.ModelTimeout),
		Keys:       people,
		NeedKey:    cfg.NeedKey,
		Interfaces: append([]api.Interface{compat.Interface(a.refines()), mcp.Interface(version())}, interfacesOf(a.accounts)...),
		Documents:  func() uint64 { return uint64(a.index.Docs()[corpus.TypeGuide]) },
		Mounts:     []api.Mount{people.Mount},
		Described:  []api.Description{apidesk.Description(), wording.Description()},
		Rooms:      editing.Rooms(people),
		Figures:    slices.Concat(a.figures(), a.semantics.figures(), a.modelFigures(), []prometheus.Collector{a.webhooks.Metrics()}),
		Checks:     a.checks(),
		Tracing:    tracing,
	}, a.engine, log)
	if err != nil {
		return nil, err
	}
	return &service{server, people, calls, operators, editing, curating, flush}, nil
}

func serveApp(ctx context.Context, cfg config, data string, a *app, log *slog.Logger, out io.Writer) error {
	svc, err := newService(ctx, cfg, data, a, log)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("监听 %s：%w", cfg.Addr, err)
	}
	control, err := newControl(ctx, data, a)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	var sending sync.WaitGroup
	sending.Go(func() { a.follow(background) })
	sending.Go(func() {
		if err := a.webhooks.Run(background); err != nil {
			log.Error("webhooks are not sent", "err", err)
		}
	})
	for _, account := range a.accounts {
		sending.Go(func() { account.Run(background) })
	}
	sending.Go(func() {
		svc.quality.FollowDue(background, func() bool { return a.webhooks.Wanted(webhook.ReviewDue) },
			func(ctx context.Context, d quality.DueReview) error {
				return a.webhooks.Notify(ctx, store.BySystem, webhook.ReviewDue, d)
			})
	})
	sending.Go(func() { forgetCalls(background, svc.calls, cfg.CallDays, log) })
	sending.Go(func() { svc.editing.Run(background) })
	sending.Go(func() { svc.quality.Watch(background) })
	a.semantics.run(background)
	failed := make(chan error, 2)
	go func() { failed <- control.serve() }()
	go func() { failed <- svc.server.Listen(listener) }()
	if err := inviteFirst(ctx, svc.people, cmp.Or(cfg.PublicURL, origin(listener.Addr())), out); err != nil {
		log.Error("no link to make the first account", "err", err)
	}
	log.Info("serving", "addr", listener.Addr().String(), "edition", a.engine.Edition(), "guides", a.index.Docs()[corpus.TypeGuide], "audit", a.store.AuditHead().String())

	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("shutting down")
	}
	// main must wait for this: answers that run are finished, new ones refused.
	svc.operators.Shutdown()
	ending, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	err = errors.Join(err, svc.server.Shutdown(ending), control.close(ending))
	stop()
	sending.Wait()
	for _, account := range a.accounts {
		account.Close()
	}
	svc.flush(ending)
	return err
}
