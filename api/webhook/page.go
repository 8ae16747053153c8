package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
)

// pathPage is where admins see the endpoints.
const pathPage = "/staff/webhooks"

// Register registers the page on which admins look after the endpoints.
func (q *Queue) Register(r *staff.Router) {
	admin := []string{"admin"}
	p := page{q, r.Staff()}
	r.Page(http.MethodGet, pathPage, admin, p.show)
	r.Page(http.MethodPost, pathPage, admin, p.add)
	r.Page(http.MethodPost, pathPage+"/act", admin, p.act)
	r.Menu(pathPage, "事件通知")
}

type page struct {
	queue *Queue
	staff *staff.Staff
}

// An eventChoice is an event as the form offers it.
type eventChoice struct{ Name, Words string }

// A view is what the page shows.
type view struct {
	Said   string // what came of the last action
	Failed bool
	Secret string // shown once
	New    Endpoint
	Events []eventChoice
	List   []Status
	Dead   []Dead
	More   int // dead letters in all, if not all are shown
}

// maxShown is how many dead letters a page shows.
const maxShown = 200

// wordsOf says in Chinese what an event is.
func wordsOf(name string) string {
	switch name {
	case Published:
		return "发布"
	case Unanswered:
		return "没有答上"
	case Negative:
		return "不满意"
	case MessageIn:
		return "留言"
	case ReviewDue:
		return "待复核"
	case OrderMade:
		return "工单"
	}
	return name
}

func (p page) show(_ context.Context, c *fiber.Ctx, who staff.Session) error {
	return p.render(c, who, http.StatusOK, view{})
}

func (p page) render(c *fiber.Ctx, who staff.Session, status int, v view) (err error) {
	for _, name := range EventNames() {
		v.Events = append(v.Events, eventChoice{name, wordsOf(name)})
	}
	if v.List, err = p.queue.List(); err != nil {
		return err
	}
	if v.Dead, err = p.queue.Dead(""); err != nil {
		return err
	}
	if len(v.Dead) > maxShown {
		v.More, v.Dead = len(v.Dead), v.Dead[:maxShown]
	}
	return p.staff.Render(c, who, status, "webhooks", "事件通知", v)
}

func (p page) add(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	e := Endpoint{Name: strings.TrimSpace(c.FormValue("name")), URL: strings.TrimSpace(c.FormValue("url")), Algorithm: c.FormValue("algorithm")}
	for key, value := range c.Request().PostArgs().All() {
		if string(key) == "event" {
			e.Events = append(e.Events, string(value))
		}
	}
	made, err := p.queue.Add(ctx, who.Name, e)
	switch {
	case errors.Is(err, ErrBadEndpoint), errors.Is(err, ErrForbidden), errors.Is(err, ErrExists):
		return p.render(c, who, http.StatusUnprocessableEntity, view{Said: err.Error(), Failed: true, New: e})
	case err != nil:
		return err
	}
	return p.render(c, who, http.StatusOK, view{Said: "已添加 " + made.Name + "。从现在起发生的事件会发给它。", Secret: made.Secret})
}

func (p page) act(ctx context.Context, c *fiber.Ctx, who staff.Session) error {
	name := c.FormValue("name")
	v, err := p.do(ctx, who.Name, c.FormValue("act"), name, c.FormValue("seq"))
	if errors.Is(err, corpus.ErrNotFound) {
		return api.NewProblem(http.StatusNotFound, "没有这个接收地址。")
	}
	if err != nil {
		return err
	}
	return p.render(c, who, http.StatusOK, v)
}

func (p page) do(ctx context.Context, actor, act, name, seq string) (v view, err error) {
	switch act {
	case "test":
		if err = p.queue.Test(ctx, name); err != nil && !errors.Is(err, corpus.ErrNotFound) {
			return view{Said: name + " 没有收下测试事件：" + err.Error(), Failed: true}, nil
		}
		v.Said = name + " 收下了测试事件。"
	case "rotate":
		var e Endpoint
		e, err = p.queue.Rotate(ctx, actor, name)
		v.Said, v.Secret = name+" 的密钥已更换；一天之内新旧密钥同时签名。", e.Secret
	case "resume":
		err = p.queue.Resume(ctx, actor, name)
		v.Said = name + " 马上再试。"
	case "remove":
		err = p.queue.Remove(ctx, actor, name)
		v.Said = "已删除 " + name + "。"
	case "replay":
		n, parseErr := strconv.ParseUint(seq, 10, 64)
		if parseErr != nil {
			return v, api.NewProblem(http.StatusUnprocessableEntity, "没有这封死信。")
		}
		var sent int
		sent, err = p.queue.Replay(ctx, actor, name, n)
		v.Said = fmt.Sprintf("%s：%d 封死信将重新发送。", name, sent)
	default:
		return v, api.NewProblem(http.StatusUnprocessableEntity, "没有这样的操作。")
	}
	return v, err
}
