package quality

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/guard"
	"github.com/govqa/govqa/api/staff"
	"github.com/govqa/govqa/corpus"
)

type messageLine struct {
	Number, Kind, Text string // masked
	Region             corpus.RegionCode
	Received           time.Time
	Replies            int
}

// Path is where the message's page is.
func (l messageLine) Path() string {
	return "/console/messages/one?" + url.Values{"number": {l.Number}}.Encode()
}

// Day is when it came.
func (l messageLine) Day() string { return l.Received.Format(time.DateOnly) }

type messagesPage struct {
	Done  string
	State string // waiting, answered or all
	Lines []messageLine
	Pager pager
}

// messages lists what citizens left, masked, the newest first.
func (q *Quality) messages(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	p := messagesPage{Done: notice(f), State: f.Query("state", "waiting")}
	var numbers []string
	for _, number := range slices.Backward(q.Mail.Numbers()) {
		replied := q.Mail.Replied(number) > 0
		if p.State == "all" || replied == (p.State == "answered") {
			numbers = append(numbers, number)
		}
	}
	numbers, p.Pager = page(f, numbers)
	for _, number := range numbers {
		m, replies, err := q.Mail.Find(ctx, number)
		if err != nil {
			return err
		}
		p.Lines = append(p.Lines, messageLine{number, m.Message.Kind, guard.Mask(short(m.Message.Text)), m.Message.Region, m.Received, len(replies)})
	}
	return q.staff.Render(f, who, http.StatusOK, "messages", "群众留言", p)
}

type messagePage struct {
	answer.KeptMessage
	Replies []answer.MessageReply
	Matter  string // its name
	Done    string
	CSRF    string
	Max     int
}

// Day is when the message came.
func (p messagePage) Day() string { return p.Received.Format("2006-01-02 15:04") }

// Clock says when a reply was given.
func (p messagePage) Clock(r answer.MessageReply) string { return r.Time.Format("2006-01-02 15:04") }

// message shows one message whole, with name and contact, which is audited.
func (q *Quality) message(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	m, replies, err := q.find(ctx, f.Query("number"))
	if err != nil {
		return err
	}
	if err := q.Store.Audit(ctx, who.Name, "message.read", m.Number, ""); err != nil {
		return err
	}
	p := messagePage{KeptMessage: m, Replies: replies, Done: notice(f), CSRF: who.CSRF, Max: answer.MaxMessage}
	if g, err := q.Store.Guide(m.Message.Matter); err == nil {
		p.Matter = g.Name
	}
	return q.staff.Render(f, who, http.StatusOK, "message-reply", "留言 "+m.Number, p)
}

func (q *Quality) find(ctx context.Context, number string) (answer.KeptMessage, []answer.MessageReply, error) {
	m, replies, err := q.Mail.Find(ctx, number)
	if errors.Is(err, corpus.ErrNotFound) {
		return m, nil, missing("这条留言")
	}
	return m, replies, err
}

// replyMessage keeps a reply. It can be read by the citizen at once.
func (q *Quality) replyMessage(ctx context.Context, f *fiber.Ctx, who staff.Session) error {
	m, _, err := q.find(ctx, f.FormValue("number"))
	if err != nil {
		return err
	}
	r := answer.MessageReply{Number: m.Number, Agency: strings.TrimSpace(f.FormValue("agency")), Text: strings.TrimSpace(f.FormValue("text")),
		Time: q.Now().UTC().Truncate(time.Second)}
	switch n := utf8.RuneCountInString(r.Text); {
	case n == 0:
		return unfit("请写下答复。")
	case n > answer.MaxMessage:
		return unfit("答复不能超过 %d 个字，现在有 %d 个字。", answer.MaxMessage, n)
	case utf8.RuneCountInString(r.Agency) > 100:
		return unfit("部门名称不能超过 100 个字。")
	}
	if err := q.Mail.Reply(ctx, who.Name, r); err != nil {
		return err
	}
	return f.Redirect("/console/messages/one?"+url.Values{"number": {m.Number}, "done": {"已答复，群众凭编号和查询码可以看到"}}.Encode(), http.StatusSeeOther)
}
