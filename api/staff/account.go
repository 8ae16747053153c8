package staff

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// An accountPage is what a member of staff sees of the own account.
type accountPage struct {
	User     store.User
	Codes    int  // recovery codes left
	Required bool // the second factor cannot be switched off
	Password bool // there is one, to be changed
	Problem  string
	Done     string
	Sessions []sessionLine
	Min      int // characters of a password
}

// A sessionLine is one session as its owner sees it.
type sessionLine struct {
	ID             string
	Began, Seen    time.Time
	Address, Agent string
	Here           bool
}

func (s *Staff) account(_ context.Context, c *fiber.Ctx, who Session) error {
	done := ""
	if c.Query("done") == "sessions" {
		done = "其他登录已经结束。"
	}
	return s.showAccount(c, who, http.StatusOK, "", done)
}

func (s *Staff) showAccount(c *fiber.Ctx, who Session, status int, problem, done string) error {
	u, err := s.store.User(who.Name)
	if err != nil {
		return err
	}
	page := accountPage{User: u, Required: s.needsSecond(u), Password: u.HasPassword(), Problem: problem, Done: done, Min: store.MinPassword}
	if u.Second != nil {
		page.Codes = len(u.Second.Recovery)
	}
	if page.Sessions, err = s.sessionsOf(u, who.id); err != nil {
		return err
	}
	return s.Render(c, who, status, "account", "我的账号", page)
}

// sessionPage is how many sessions are read at once.
const sessionPage = 1000

// eachSession calls f for every stored session.
func (s *Staff) eachSession(f func(id string, st storedSession) error) error {
	after := ""
	for {
		docs, err := s.store.Docs(docSession, after, sessionPage)
		if err != nil || len(docs) == 0 {
			return err
		}
		for _, d := range docs {
			var st storedSession
			if err := json.Unmarshal(d.Value, &st); err != nil {
				return fmt.Errorf("session: %w", err)
			}
			if err := f(d.ID, st); err != nil {
				return err
			}
			after = d.ID
		}
	}
}

// sessionsOf lists the sessions of an account that are good, the latest first.
func (s *Staff) sessionsOf(u store.User, here string) ([]sessionLine, error) {
	var list []sessionLine
	err := s.eachSession(func(id string, st storedSession) error {
		if st.User != u.Name || st.Stage != stageFull {
			return nil
		}
		_, err := s.holder(st)
		if errors.Is(err, errNotIn) {
			return nil
		}
		list = append(list, sessionLine{id, st.Began, st.Seen, st.Address, st.Agent, id == here})
		return err
	})
	slices.SortFunc(list, func(a, b sessionLine) int { return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID)) })
	return list, err
}

// sweepEvery is how often sessions that have ended are removed.
const sweepEvery = time.Hour

// sweep removes the sessions that are of no use any more, now and then.
func (s *Staff) sweep(ctx context.Context) error {
	now, last := s.now(), s.swept.Load()
	if now.Unix()-last < int64(sweepEvery.Seconds()) || !s.swept.CompareAndSwap(last, now.Unix()) {
		return nil
	}
	return s.eachSession(func(id string, st storedSession) error {
		_, err := s.holder(st)
		if errors.Is(err, errNotIn) {
			return s.dropSession(ctx, id)
		}
		return err
	})
}

// confirm asks for the password once more, before anything is changed by which
// the account is entered.
func (s *Staff) confirm(ctx context.Context, c *fiber.Ctx, who Session) error {
	u, err := s.store.User(who.Name)
	if err != nil {
		return err
	}
	if !u.HasPassword() { // it logs in elsewhere, and had to lately
		return nil
	}
	watch := watched{"confirm " + who.Name, pacePair}
	if wait := s.brake.try(watch); wait > 0 {
		return api.NewProblem(http.StatusTooManyRequests, fmt.Sprintf("尝试的次数太多，请过 %d 秒再试。", 1+int(wait.Seconds()))).After(wait)
	}
	right, err := s.check(ctx, u, c.FormValue("password"))
	if err != nil {
		s.brake.undo(watch.name)
		return err
	}
	if !right {
		if err := s.store.Audit(ctx, who.Name, "confirm.failed", "", ""); err != nil {
			return err
		}
		return api.NewProblem(http.StatusForbidden, "当前密码不对。")
	}
	s.brake.passed(watch.name)
	return nil
}

// setPassword changes the own password. All other sessions end, and this one
// is begun anew.
func (s *Staff) setPassword(ctx context.Context, c *fiber.Ctx, who Session) error {
	again := func(err error) error {
		p := api.ProblemOf(err)
		return s.showAccount(c, who, p.Status, cmp.Or(p.Detail, p.Title), "")
	}
	if err := s.confirm(ctx, c, who); err != nil {
		if p := api.ProblemOf(err); p.Status >= http.StatusInternalServerError {
			return err
		}
		return again(err)
	}
	password, err := newPassword(c, who.Name)
	if err == nil && password == c.FormValue("password") {
		err = api.NewProblem(http.StatusUnprocessableEntity, "新密码与当前的相同。")
	}
	if err != nil {
		return again(err)
	}
	if err := s.store.SetPassword(ctx, who.Name, who.Name, password); err != nil {
		return err
	}
	now, err := s.again(ctx, c, who, storedSession{How: who.stored.How})
	if err != nil {
		return err
	}
	return s.showAccount(c, now, http.StatusOK, "", "密码已经修改，其他登录已经结束。")
}

// newPassword reads a new password that was typed twice.
func newPassword(c *fiber.Ctx, name string) (string, error) {
	password := c.FormValue("new")
	if password != c.FormValue("again") {
		return "", api.NewProblem(http.StatusUnprocessableEntity, "两次输入的新密码不一样。")
	}
	if err := store.CheckPassword(name, password); err != nil {
		return "", api.NewProblem(http.StatusUnprocessableEntity, reason(err)+"。")
	}
	return password, nil
}

// endSessions ends the other sessions of the own account, or one of them.
func (s *Staff) endSessions(ctx context.Context, c *fiber.Ctx, who Session) error {
	id := c.FormValue("id")
	if id == "" {
		if _, err := s.renew(ctx, c, who, storedSession{How: who.stored.How}); err != nil {
			return err
		}
		return c.Redirect("/staff/account?done=sessions", http.StatusSeeOther)
	}
	st, err := s.readSession(id)
	if err == nil && st.User != who.Name {
		err = errNotIn
	}
	if errors.Is(err, errNotIn) {
		return api.NewProblem(http.StatusNotFound, "没有这次登录，它可能已经结束。")
	}
	if err == nil {
		err = s.dropSession(ctx, id)
	}
	if err == nil {
		err = s.store.Audit(ctx, who.Name, "session.end", who.Name, cut(st.Agent, 80))
	}
	if err != nil {
		return err
	}
	return c.Redirect("/staff/account?done=sessions", http.StatusSeeOther)
}
