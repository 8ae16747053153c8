package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// A letter is a message as the staff see it: with the name and the contact.
type letter struct {
	answer.KeptMessage
	Replies []answer.MessageReply `json:"replies"`
}

// letters lists the messages in the order in which they came, with all also
// those that have been answered. They hold names and contacts, so that actor
// has read them is audited.
func (m *mailbox) letters(ctx context.Context, actor string, all bool) ([]letter, error) {
	if err := m.store.Audit(ctx, actor, "message.read", "", ""); err != nil {
		return nil, err
	}
	list := []letter{}
	for _, number := range m.Numbers() {
		msg, replies, err := m.Find(ctx, number)
		if err != nil {
			return nil, err
		}
		if all || len(replies) == 0 {
			msg.CodeHash = "" // of no use to the reader
			list = append(list, letter{msg, replies})
		}
	}
	return list, nil
}

// A lettersJob asks for messages; it is also the control socket's request.
type lettersJob struct {
	Actor string `json:"actor"`
	All   bool   `json:"all"`
}

// messageList lists messages through the server that has the folder, or by
// itself.
func messageList(ctx context.Context, c *call) error {
	if len(c.args) > 0 {
		return errUsage
	}
	var list []letter
	job := lettersJob{actor(), c.values.all}
	err := withMailbox(ctx, c, "/messages", job, &list, func(m *mailbox) (err error) {
		list, err = m.letters(ctx, job.Actor, job.All)
		return err
	})
	if err != nil {
		return err
	}
	if c.values.json {
		return json.NewEncoder(c.out).Encode(list)
	}
	for i := range list {
		list[i].print(c)
	}
	_, err = fmt.Fprintf(c.out, "共 %d 条\n", len(list))
	return err
}

func (l *letter) print(c *call) {
	m := l.Message
	fmt.Fprintf(c.out, "%s  %s  %s\n", l.Number, m.Kind, l.Received.Local().Format(time.DateTime))
	for _, about := range []struct{ label, text string }{{"地区", string(m.Region)}, {"事项", m.Matter}, {"称呼", m.Name}, {"联系", m.Contact}} {
		if about.text != "" {
			fmt.Fprintf(c.out, "  %s：%s\n", about.label, plain(about.text))
		}
	}
	fmt.Fprintf(c.out, "  %s\n", strings.ReplaceAll(plain(m.Text), "\n", "\n  "))
	for _, r := range l.Replies {
		fmt.Fprintf(c.out, "  → %s %s：%s\n", r.Time.Local().Format(time.DateTime), plain(r.Agency), strings.ReplaceAll(plain(r.Text), "\n", "\n    "))
	}
	fmt.Fprintln(c.out)
}

// plain leaves out what would drive a terminal: a message is anybody's words.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && (r < ' ' || r == 0x7f || 0x80 <= r && r < 0xa0) {
			return -1
		}
		return r
	}, s)
}

// maxReply is the length of the longest reply, in characters.
const maxReply = 4000

// A replyJob is a reply and who gives it; it is also the control socket's request.
type replyJob struct {
	Actor string `json:"actor"`
	answer.MessageReply
}

// messageReply answers a message.
func messageReply(ctx context.Context, c *call) error {
	if len(c.args) != 2 {
		return errUsage
	}
	number := strings.NewReplacer(" ", "", "-", "").Replace(c.args[0])
	r := replyJob{actor(), answer.MessageReply{Number: number, Agency: c.values.agency, Text: strings.TrimSpace(c.args[1]), Time: time.Now().UTC().Truncate(time.Second)}}
	if n := utf8.RuneCountInString(r.Text); n == 0 || n > maxReply {
		return fmt.Errorf("答复应有 1 到 %d 个字", maxReply)
	}
	var done struct{}
	err := withMailbox(ctx, c, "/messages/reply", r, &done, func(m *mailbox) error { return m.Reply(ctx, r.Actor, r.MessageReply) })
	if errors.Is(err, corpus.ErrNotFound) {
		return fmt.Errorf("没有编号为 %s 的留言", number)
	}
	if err == nil {
		_, err = fmt.Fprintf(c.out, "已答复 %s\n", number)
	}
	return err
}

// withMailbox posts a job to the server of the folder, or opens the folder
// and does it here.
func withMailbox(ctx context.Context, c *call, path string, job, reply any, here func(*mailbox) error) error {
	served, err := viaControl(ctx, c.data, path, job, reply)
	if err != nil || served {
		return err
	}
	s, err := openExisting(c)
	if err != nil {
		return err
	}
	m := newMailbox(s)
	for f, err := range s.Facts(0) {
		if err == nil {
			err = m.replay(f)
		}
		if err != nil {
			return errors.Join(err, s.Close())
		}
	}
	return errors.Join(here(m), s.Close())
}

// listMessages and replyMessage are the control socket's sides.
func (ctl *control) listMessages(w http.ResponseWriter, r *http.Request) {
	var job lettersJob
	ctl.answer(w, r, &job, func() (any, error) { return ctl.app.mail.letters(r.Context(), job.Actor, job.All) })
}

func (ctl *control) replyMessage(w http.ResponseWriter, r *http.Request) {
	var job replyJob
	ctl.answer(w, r, &job, func() (any, error) {
		err := ctl.app.mail.Reply(r.Context(), job.Actor, job.MessageReply)
		if errors.Is(err, corpus.ErrNotFound) {
			err = fmt.Errorf("没有编号为 %s 的留言", job.Number)
		}
		return struct{}{}, err
	})
}
