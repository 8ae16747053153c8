package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer/guard"
)

// The scopes that the API's own operations need of a key.
const (
	scopeAsk       = "ask"
	scopeSearch    = "search"
	scopeRecommend = "recommend"
	scopeEvents    = "events"
	scopeMetrics   = "metrics"
)

// A Key is what an integrator's key is good for.
type Key struct {
	ID        string // stays when the key is rotated
	Name      string // of the integrator's app
	Scopes    []string
	PerMinute int // requests; 0 means DefaultKeyPace
	PerDay    int // requests, by the local calendar; 0 means no limit

	visitor string // of the app's own, who the request is for
}

// DefaultKeyPace is how many requests a minute a key may make that says
// nothing else.
const DefaultKeyPace = 600

// Keys knows the API keys of integrators and keeps how much they were used.
type Keys interface {
	// Key returns the key in the value of a header Authorization. What is no good
	// key is a *Problem with the status 401.
	Key(ctx context.Context, authorization string) (Key, error)
	// Used returns how many requests were made with a key on a day (2006-01-02).
	Used(ctx context.Context, id, day string) (int, error)
	// KeepUsed keeps that.
	KeepUsed(ctx context.Context, id, day string, n int) error
}

// Anonymous is what a program sends for a key that has none, but must send one.
const Anonymous = "anonymous"

// headerVisitor names, to a key's own pseudonym, the visitor that an app asks
// for, so that one visitor cannot use up the app's share of a minute.
const headerVisitor = "Govqa-Visitor"

// KeyOf is the key that the request of ctx came with.
func KeyOf(ctx context.Context) (Key, bool) {
	k, ok := ctx.Value(keyAPIKey).(Key)
	return k, ok
}

func (k Key) allow(scope string) error {
	if scope == "" || slices.Contains(k.Scopes, scope) {
		return nil
	}
	return NewProblem(http.StatusForbidden, "这个接口密钥没有 "+scope+" 范围。")
}

// allow returns a problem if the request of ctx has a key without the scope.
// Without any key it may do what everybody may.
func allow(ctx context.Context, scope string) error {
	if k, ok := KeyOf(ctx); ok {
		return k.allow(scope)
	}
	return nil
}

// scoped is a handler that keys without the scope do not reach.
func scoped(scope string, h fiber.Handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		if err := allow(c.UserContext(), scope); err != nil {
			return err
		}
		return h(c)
	}
}

// scopeOf is the scope that a key needs for an operation of the API.
func scopeOf(path string) string {
	rest, _ := strings.CutPrefix(path, "/api/v1/")
	first, _, _ := strings.Cut(rest, "/")
	switch first {
	case "ask", "feedback", "messages", "policies":
		return scopeAsk
	case "recommendations":
		return scopeRecommend
	case "events", "subjects":
		return scopeEvents
	}
	return scopeSearch
}

// security says in the OpenAPI document that an operation can be called by
// everybody, or with a key that has a scope.
func security(scope string) []map[string][]string {
	if scope == "" {
		return []map[string][]string{{}, {schemeKey: {}}}
	}
	return []map[string][]string{{}, {schemeKey: {scope}}}
}

// authenticate reads the key of a request, where it brings one, and counts the
// request. An interface that needs a key answers to no one else.
func (s *Server) authenticate(c *fiber.Ctx) error {
	kind, secret, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if s.keys == nil || !strings.EqualFold(kind, "Bearer") || strings.TrimSpace(secret) == Anonymous {
		if i := s.interfaceOf(c.Path()); i != nil && slices.Contains(s.cfg.NeedKey, i.Name) {
			c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
			return NewProblem(http.StatusUnauthorized, "这个接口要带上接口密钥：Authorization: Bearer 密钥。")
		}
		return c.Next()
	}
	ctx := c.UserContext()
	key, err := s.keys.keys.Key(ctx, c.Get(fiber.HeaderAuthorization))
	if err != nil {
		if p := new(Problem); errors.As(err, &p) && p.Status == http.StatusUnauthorized {
			c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		}
		return err
	}
	if key.visitor, err = visitorNamed(c.Get(headerVisitor)); err != nil {
		return err
	}
	c.SetUserContext(context.WithValue(ctx, keyAPIKey, key))
	limits, err := s.keys.take(ctx, key)
	for name, value := range limits {
		c.Set(name, value)
	}
	if err != nil {
		return err
	}
	s.keys.keepLater(s)
	return c.Next()
}

// visitorNamed reads the pseudonym of an app's visitor.
func visitorNamed(name string) (string, error) {
	if len(name) > maxSubject || guard.Mask(name) != name {
		return "", NewProblem(http.StatusBadRequest, headerVisitor+" 应为不超过 64 字节的化名，不要用证件号或手机号。")
	}
	return name, nil
}

// A keyring counts the requests of keys, by the minute and by the day.
type keyring struct {
	keys Keys
	pace *limiter
	now  func() time.Time

	mu   sync.Mutex
	used map[string]*keyUse // by the key's id
	due  time.Time          // when the counts are to be kept next
}

// A keyUse is how much a key was used on a day.
type keyUse struct {
	day     string
	n, kept int
}

// keepEvery is how often counts are kept: a crash forgets as much.
const keepEvery = 10 * time.Second

func newKeyring(keys Keys, now func() time.Time) *keyring {
	return &keyring{keys: keys, pace: newLimiter(0, now), now: now, used: map[string]*keyUse{}, due: now().Add(keepEvery)}
}

// take counts a request of a key, or returns a rateError. The headers say what
// the key may do further (the fields RateLimit of the HTTP working group).
func (r *keyring) take(ctx context.Context, k Key) (headers map[string]string, err error) {
	perMinute := k.PerMinute
	if perMinute <= 0 {
		perMinute = DefaultKeyPace
	}
	policy := fmt.Sprintf(`"minute";q=%d;w=60`, perMinute)
	wait, left := r.pace.takeAt(caller{key: k.ID}, perMinute)
	state := fmt.Sprintf(`"minute";r=%d;t=%d`, left, int(math.Ceil(wait.Seconds())))
	if wait > 0 {
		return map[string]string{"RateLimit-Policy": policy, "RateLimit": state},
			&rateError{wait, fmt.Sprintf("这个接口密钥每分钟最多 %d 次", perMinute)}
	}
	n, untilTomorrow, err := r.count(ctx, k)
	if k.PerDay > 0 {
		reset := int(math.Ceil(untilTomorrow.Seconds()))
		policy += fmt.Sprintf(`, "day";q=%d;w=86400`, k.PerDay)
		state += fmt.Sprintf(`, "day";r=%d;t=%d`, max(k.PerDay-n, 0), reset)
	}
	return map[string]string{"RateLimit-Policy": policy, "RateLimit": state}, err
}

// count counts a request of a key of today, unless the day's are used up.
func (r *keyring) count(ctx context.Context, k Key) (n int, untilTomorrow time.Duration, err error) {
	now := r.now()
	y, m, d := now.Date()
	untilTomorrow = time.Date(y, m, d+1, 0, 0, 0, 0, now.Location()).Sub(now)
	day := now.Format(time.DateOnly)
	r.mu.Lock()
	defer r.mu.Unlock()
	use := r.used[k.ID]
	if use == nil || use.day != day {
		before, err := r.keys.Used(ctx, k.ID, day)
		if err != nil {
			return 0, untilTomorrow, err
		}
		use = &keyUse{day, before, before}
		r.used[k.ID] = use
	}
	if k.PerDay > 0 && use.n >= k.PerDay {
		return use.n, untilTomorrow, &rateError{untilTomorrow, fmt.Sprintf("这个接口密钥今天的 %d 次已经用完，明天 0 时起可以再用", k.PerDay)}
	}
	use.n++
	return use.n, untilTomorrow, nil
}

// keepLater keeps the counts in the background when it is time to.
func (r *keyring) keepLater(s *Server) {
	r.mu.Lock()
	late := !r.now().Before(r.due)
	if late {
		r.due = r.now().Add(keepEvery)
	}
	r.mu.Unlock()
	if !late {
		return
	}
	s.running.Go(func() {
		if err := r.keep(s.base); err != nil {
			s.log.Error("use of keys not kept", "err", err)
		}
	})
}

// keep keeps the counts that have changed.
func (r *keyring) keep(ctx context.Context) error {
	type change struct {
		id, day string
		n       int
	}
	r.mu.Lock()
	var changes []change
	for id, use := range r.used {
		if use.n != use.kept {
			changes = append(changes, change{id, use.day, use.n})
		}
	}
	r.mu.Unlock()
	var errs []error
	for _, c := range changes {
		if err := r.keys.KeepUsed(ctx, c.id, c.day, c.n); err != nil {
			errs = append(errs, err)
			continue
		}
		r.mu.Lock()
		if use := r.used[c.id]; use.day == c.day {
			use.kept = c.n
		}
		r.mu.Unlock()
	}
	return errors.Join(errs...)
}
