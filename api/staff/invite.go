package staff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// How long a link to set a password is good.
const (
	setupLife  = 24 * time.Hour
	inviteLife = 72 * time.Hour
)

// docInvite is the kind of the documents of links. The id is the hash of the
// token in the link.
const docInvite = "invite"

// An invite lets whoever has the link set the password of one account, once.
type invite struct {
	User  string    `json:"user,omitempty"` // empty: the first account, whose name is chosen then
	Epoch uint64    `json:"epoch"`          // of the account: a newer link or password ends this one
	Until time.Time `json:"until"`
}

// SetupLink returns a link with which the first account, an admin's, is made,
// once and within a day. It is "" when there is an account already. Links that
// were made before end. The origin is that of the service, as http://host.
func (s *Staff) SetupLink(ctx context.Context, origin string) (string, error) {
	users, err := s.store.Users()
	if err != nil {
		return "", err
	}
	if err := s.dropInvites(ctx, func(v invite) bool { return v.User == "" || v.Until.Before(s.now()) }); err != nil {
		return "", err
	}
	if len(users) > 0 {
		return "", nil
	}
	return s.invite(ctx, store.BySystem, origin, invite{Until: s.now().Add(setupLife)})
}

func (s *Staff) dropInvites(ctx context.Context, stale func(invite) bool) error {
	docs, err := s.store.Docs(docInvite, "", sessionPage)
	if err != nil {
		return err
	}
	for _, d := range docs {
		var v invite
		if err := json.Unmarshal(d.Value, &v); err != nil {
			return fmt.Errorf("invite: %w", err)
		}
		if !stale(v) {
			continue
		}
		if err := s.store.PutDoc(ctx, store.BySystem, docInvite, d.ID, func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			return err
		}
	}
	return nil
}

// invite keeps an invite and returns the link of it.
func (s *Staff) invite(ctx context.Context, actor, origin string, v invite) (string, error) {
	value, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("invite: %w", err)
	}
	token := newToken()
	if err := s.store.PutDoc(ctx, actor, docInvite, hashOf(token), func([]byte) ([]byte, error) { return value, nil }); err != nil {
		return "", err
	}
	return strings.TrimSuffix(origin, "/") + "/staff/setup?" + url.Values{"token": {token}}.Encode(), nil
}

// errInvite means that a link is used up, too old, or none at all.
var errInvite = errors.New("link is not good")

// readInvite returns the invite of a token that is still good.
func (s *Staff) readInvite(token string) (v invite, err error) {
	value, err := s.store.Doc(docInvite, hashOf(token))
	if err != nil {
		return v, err
	}
	err = s.judge(value, &v)
	return v, err
}

// judge reads an invite and fails if it is not good any more.
func (s *Staff) judge(value []byte, v *invite) error {
	if value == nil {
		return errInvite
	}
	if err := json.Unmarshal(value, v); err != nil {
		return fmt.Errorf("invite: %w", err)
	}
	if !s.now().Before(v.Until) {
		return errInvite
	}
	if v.User == "" {
		users, err := s.store.Users()
		if err == nil && len(users) > 0 {
			err = errInvite
		}
		return err
	}
	u, err := s.store.User(v.User)
	if errors.Is(err, store.ErrNoUser) || err == nil && (u.Disabled || u.Epoch != v.Epoch) {
		return errInvite
	}
	return err
}

// A setupPage is the form behind a link.
type setupPage struct {
	Token, Name, Problem string
	First                bool // the name is still to be chosen
	Exposed              bool
	Min                  int
}

func (s *Staff) setupForm(c *fiber.Ctx) error {
	token := c.Query("token")
	v, err := s.readInvite(token)
	if err != nil {
		return s.badInvite(c, err)
	}
	return s.showSetup(c, http.StatusOK, setupPage{Token: token, Name: v.User, First: v.User == ""})
}

func (s *Staff) showSetup(c *fiber.Ctx, status int, page setupPage) error {
	page.Exposed, page.Min = exposed(c), store.MinPassword
	title := "设置密码"
	if page.First {
		title = "设立第一个管理员"
	}
	return s.Render(c, Session{CSRF: formToken(c)}, status, "setup", title, page)
}

func (s *Staff) badInvite(_ *fiber.Ctx, err error) error {
	if errors.Is(err, errInvite) {
		return api.NewProblem(http.StatusNotFound, "这个链接已经用过或已过期。请向管理员要一个新的；第一次设立管理员，请重新启动服务。")
	}
	return err
}

// setup sets the password of an account by its link, and logs it in.
func (s *Staff) setup(c *fiber.Ctx) error {
	if err := s.ownForm(c); err != nil {
		return err
	}
	ctx, token := c.UserContext(), c.FormValue("token")
	v, err := s.readInvite(token)
	if err != nil {
		return s.badInvite(c, err)
	}
	page := setupPage{Token: token, Name: v.User, First: v.User == ""}
	if page.First {
		page.Name = strings.TrimSpace(c.FormValue("name"))
	}
	password, err := newPassword(c, page.Name)
	if err == nil && page.First {
		err = nameProblem(page.Name)
	}
	if err != nil {
		p := api.ProblemOf(err)
		page.Problem = p.Detail
		return s.showSetup(c, p.Status, page)
	}
	// From here on the link is used up, whatever happens.
	if err := s.store.PutDoc(ctx, page.Name, docInvite, hashOf(token), func(old []byte) ([]byte, error) { return nil, s.judge(old, &v) }); err != nil {
		return s.badInvite(c, err)
	}
	if page.First {
		err = s.store.AddUser(ctx, page.Name, page.Name, []string{"admin"}, password)
	} else {
		err = s.store.SetPassword(ctx, page.Name, page.Name, password)
	}
	if err != nil {
		return err
	}
	u, err := s.store.User(page.Name)
	if err != nil {
		return err
	}
	return s.enter(ctx, c, u, storedSession{How: "link", Stage: s.stageOf(u)})
}
