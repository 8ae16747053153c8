package staff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// Scopes lists what an API key can be good for.
func Scopes() []string {
	return []string{"ask", "search", "recommend", "events", "desk", "content", "export", "metrics", "admin"}
}

// A Door says who a route is for.
type Door string

// The doors of routes.
const (
	DoorPage       Door = "page"       // a page of staff
	DoorJSON       Door = "json"       // for scripts of those pages, and for programs with a key
	DoorPublic     Door = "public"     // for whoever wants to log in
	DoorUnfinished Door = "unfinished" // for whoever has begun to
)

// A Route is one line of the table of what staff and keys may do.
type Route struct {
	Method, Path string
	Door         Door
	Roles        []string // any one of them is enough
	Scope        string   // of the keys that may call it; empty: none may
	Label        string   // in the navigation; empty: not in it
	Own          bool     // of what it is given to work on, only one's own: the handler sees to it

	serve fiber.Handler
}

// pageTimeout is what a request of staff may take.
const pageTimeout = 30 * time.Second

// A Router takes the routes for staff into the table. What is wrong with one
// is an error of New.
type Router struct {
	staff *Staff
	errs  []error
}

// Staff is what the routes are registered with.
func (r *Router) Staff() *Staff { return r.staff }

// Page registers a page for those who have one of the roles. A form of it that
// is not a GET needs the hidden field _csrf of [Session.CSRF]. An error of h
// is shown as a page.
func (r *Router) Page(method, path string, roles []string, h func(ctx context.Context, c *fiber.Ctx, who Session) error) {
	r.add(&Route{Method: method, Path: path, Door: DoorPage, Roles: roles}, r.staff.page(roles, h))
}

// JSON registers an operation for those who have one of the roles, and for
// keys with the scope unless that is empty. A call with a session that is not
// a GET needs the header X-CSRF-Token of [Session.CSRF]. An error of h is a
// problem document.
func (r *Router) JSON(method, path string, roles []string, scope string, h func(ctx context.Context, c *fiber.Ctx, who Session) error) {
	if scope != "" && !slices.Contains(Scopes(), scope) {
		r.errs = append(r.errs, fmt.Errorf("%s %s: scope %q is not known", method, path, scope))
	}
	r.add(&Route{Method: method, Path: path, Door: DoorJSON, Roles: roles, Scope: scope}, r.staff.json(roles, scope, h))
}

// Menu puts a page that is registered into the navigation of those who may
// open it, in the order of the calls.
func (r *Router) Menu(path, label string) {
	for _, route := range r.staff.table {
		if route.Path == path && route.Method == http.MethodGet {
			route.Label = label
			return
		}
	}
	r.errs = append(r.errs, fmt.Errorf("menu %s: no such page", path))
}

// Own says that a registered route works on what belongs to somebody, and
// that its handler refuses whoever it does not belong to, whatever their role.
// The test of all routes wants a proof of it.
func (r *Router) Own(method, path string) {
	for _, route := range r.staff.table {
		if route.Path == path && route.Method == method {
			route.Own = true
			return
		}
	}
	r.errs = append(r.errs, fmt.Errorf("own %s %s: no such route", method, path))
}

// Table returns what was registered.
func (s *Staff) Table() []Route {
	table := make([]Route, len(s.table))
	for i, r := range s.table {
		table[i] = *r
	}
	return table
}

// public registers what everybody may see.
func (r *Router) public(method, path string, h fiber.Handler) {
	r.add(&Route{Method: method, Path: path, Door: DoorPublic}, func(c *fiber.Ctx) error {
		secure(c)
		if err := h(c); err != nil {
			return r.staff.failPage(c, Session{}, err)
		}
		return nil
	})
}

// unfinished registers what those may see who have yet to prove who they are,
// or to set up their second factor.
func (r *Router) unfinished(method, path string, h pageHandler) {
	r.add(&Route{Method: method, Path: path, Door: DoorUnfinished}, r.staff.served(func(c *fiber.Ctx) (Session, error) {
		who, err := r.staff.anySession(c)
		if err == nil {
			err = r.staff.checkForm(c, who)
		}
		return who, err
	}, h))
}

func (r *Router) add(route *Route, serve fiber.Handler) {
	fail := func(format string, args ...any) {
		r.errs = append(r.errs, fmt.Errorf("%s %s: %s", route.Method, route.Path, fmt.Sprintf(format, args...)))
	}
	if !slices.Contains([]string{"GET", "POST", "PUT", "DELETE"}, route.Method) || !strings.HasPrefix(route.Path, "/") {
		fail("not a route")
	}
	for _, role := range route.Roles {
		if !slices.Contains(store.Roles, role) {
			fail("role %q is not known", role)
		}
	}
	if len(route.Roles) == 0 && route.Scope == "" && (route.Door == DoorPage || route.Door == DoorJSON) {
		fail("nobody may use it")
	}
	if slices.ContainsFunc(r.staff.table, func(o *Route) bool { return o.Method == route.Method && o.Path == route.Path }) {
		fail("registered twice")
	}
	route.serve = serve
	r.staff.table = append(r.staff.table, route)
}

// errForbidden is for those who are in, and may not do this.
func errForbidden() error {
	return api.NewProblem(http.StatusForbidden, "您的账号没有这项权限。需要的话，请联系管理员。")
}

// page makes a handler of a page.
func (s *Staff) page(roles []string, h pageHandler) fiber.Handler {
	return s.served(func(c *fiber.Ctx) (Session, error) {
		who, err := s.session(c)
		if err == nil {
			err = s.allow(c, who, roles)
		}
		if err == nil {
			err = s.checkForm(c, who)
		}
		return who, err
	}, h)
}

// served makes a handler of a page that let lets in.
func (s *Staff) served(let func(*fiber.Ctx) (Session, error), h pageHandler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		secure(c)
		ctx, cancel := context.WithTimeout(c.UserContext(), pageTimeout)
		defer cancel()
		who, err := let(c)
		if err == nil {
			err = h(ctx, c, who)
		}
		if err != nil {
			return s.failPage(c, who, err)
		}
		return nil
	}
}

// json makes a handler of an operation.
func (s *Staff) json(roles []string, scope string, h pageHandler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		secure(c)
		ctx, cancel := context.WithTimeout(c.UserContext(), pageTimeout)
		defer cancel()
		who, err := s.caller(ctx, c, roles, scope)
		if err != nil {
			return err
		}
		return h(ctx, c, who)
	}
}

// caller is who calls an operation: a key with the scope, or a session with
// one of the roles.
func (s *Staff) caller(ctx context.Context, c *fiber.Ctx, roles []string, scope string) (Session, error) {
	if c.Get(fiber.HeaderAuthorization) != "" {
		return s.bearer(ctx, c, scope)
	}
	who, err := s.session(c)
	if errors.Is(err, errNotIn) {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		return who, api.NewProblem(http.StatusUnauthorized, "")
	}
	if err == nil {
		err = s.allow(c, who, roles)
	}
	if err == nil && !safe(c) && !who.sent(c.Get("X-CSRF-Token")) {
		err = errForged()
	}
	return who, err
}

// allow refuses who has none of the roles, and says so in the audit log.
func (s *Staff) allow(c *fiber.Ctx, who Session, roles []string) error {
	if who.Has(roles...) {
		return nil
	}
	if err := s.store.Audit(c.UserContext(), who.Name, "denied", c.Method()+" "+c.Route().Path, ""); err != nil {
		return err
	}
	return errForbidden()
}
