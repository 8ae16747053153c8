package staff

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// A usersPage lists the accounts.
type usersPage struct {
	Users   []store.User
	Roles   []string
	Self    string
	Problem string
	Name    string   // of the account to add, typed
	Chosen  []string // its roles
}

func (s *Staff) users(_ context.Context, c *fiber.Ctx, who Session) error {
	return s.showUsers(c, who, http.StatusOK, usersPage{})
}

func (s *Staff) showUsers(c *fiber.Ctx, who Session, status int, page usersPage) (err error) {
	if page.Users, err = s.store.Users(); err != nil {
		return err
	}
	page.Roles, page.Self = store.Roles, who.Name
	return s.Render(c, who, status, "users", "账号", page)
}

// reason is what is wrong with an account, without saying that something is.
func reason(err error) string {
	return strings.TrimPrefix(err.Error(), store.ErrBadUser.Error()+"：")
}

// userProblem makes what the store says of an account a problem.
func userProblem(err error) error {
	switch {
	case errors.Is(err, store.ErrBadUser):
		return api.NewProblem(http.StatusUnprocessableEntity, reason(err)+"。")
	case errors.Is(err, store.ErrUserExists):
		return api.NewProblem(http.StatusConflict, "已经有这个用户名的账号。")
	case errors.Is(err, store.ErrNoUser):
		return api.NewProblem(http.StatusNotFound, "没有这个账号。")
	}
	return err
}

func nameProblem(name string) error { return userProblem(store.CheckName(name)) }

// values are all values of a field of the form.
func values(c *fiber.Ctx, name string) (list []string) {
	for _, v := range c.Request().PostArgs().PeekMulti(name) {
		list = append(list, string(v))
	}
	return list
}

// addUser makes an account and shows the link with which its owner sets the
// password.
func (s *Staff) addUser(ctx context.Context, c *fiber.Ctx, who Session) error {
	name, roles := strings.TrimSpace(c.FormValue("name")), values(c, "role")
	if err := userProblem(s.store.InviteUser(ctx, who.Name, name, roles)); err != nil {
		p := api.ProblemOf(err)
		if p.Status >= http.StatusInternalServerError {
			return err
		}
		return s.showUsers(c, who, p.Status, usersPage{Problem: p.Detail, Name: name, Chosen: roles})
	}
	return s.showLink(ctx, c, who, name)
}

// A linkPage shows a link once.
type linkPage struct {
	Name, Link string
	Until      time.Time
}

// showLink makes a link to set the password of an account, and shows it.
func (s *Staff) showLink(ctx context.Context, c *fiber.Ctx, who Session, name string) error {
	u, err := s.store.User(name)
	if err != nil {
		return err
	}
	origin := s.cfg.Origin
	if origin == "" {
		origin = c.BaseURL()
	}
	until := s.now().Add(inviteLife)
	link, err := s.invite(ctx, who.Name, origin, invite{User: name, Epoch: u.Epoch, Until: until})
	if err != nil {
		return err
	}
	return s.Render(c, who, http.StatusOK, "link", "设置密码的链接", linkPage{name, link, until})
}

// setRoles changes what an account may do.
func (s *Staff) setRoles(ctx context.Context, c *fiber.Ctx, who Session) error {
	name, roles := c.FormValue("name"), values(c, "role")
	if name == who.Name && !slices.Contains(roles, "admin") {
		return api.NewProblem(http.StatusUnprocessableEntity, "不能去掉自己的管理角色，请让另一位管理员来做。")
	}
	if err := userProblem(s.store.SetRoles(ctx, who.Name, name, roles)); err != nil {
		return err
	}
	if name == who.Name { // what one may do has changed: the session is another
		if _, err := s.again(ctx, c, who, storedSession{How: who.stored.How}); err != nil {
			return err
		}
	}
	return c.Redirect("/staff/users", http.StatusSeeOther)
}

// actOnUser does one of the other things that can be done to an account.
func (s *Staff) actOnUser(ctx context.Context, c *fiber.Ctx, who Session) error {
	name, act := c.FormValue("name"), c.FormValue("act")
	if name == who.Name && act != "sessions" {
		return api.NewProblem(http.StatusUnprocessableEntity, "对自己的账号不能这样做，请让另一位管理员来做，或在“我的账号”里修改。")
	}
	var err error
	switch act {
	case "disable":
		err = s.store.DisableUser(ctx, who.Name, name)
	case "enable":
		err = s.store.EnableUser(ctx, who.Name, name)
	case "sessions":
		err = s.store.EndSessions(ctx, who.Name, name)
	case "second": // who has lost the app and the codes
		err = s.store.SetSecondFactor(ctx, who.Name, "user.second.drop", name, func(*store.SecondFactor) (*store.SecondFactor, error) { return nil, nil })
		if err == nil {
			err = s.store.EndSessions(ctx, who.Name, name)
		}
	case "password": // who has forgotten it, or who must not use it any more
		if err = s.store.ClearPassword(ctx, who.Name, name); err == nil {
			return s.showLink(ctx, c, who, name)
		}
	default:
		return api.NewProblem(http.StatusUnprocessableEntity, "没有这样的操作。")
	}
	if err != nil {
		return userProblem(err)
	}
	return c.Redirect("/staff/users", http.StatusSeeOther)
}
