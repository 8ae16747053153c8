package wechat

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// event is what is said to an event; "" is nothing.
func (a *Account) event(ctx context.Context, m *message) string {
	switch strings.ToLower(m.Event) {
	case "subscribe":
		return a.greeting()
	case "unsubscribe":
		if err := a.forgetTalk(ctx, a.pseudonym(m.From)); err != nil {
			a.Log.Error("conversation not forgotten", "channel", a.Kind, "err", err)
		}
	case "click":
		if id, ok := strings.CutPrefix(m.EventKey, clickEvent); ok {
			return a.lifeEvent(ctx, id)
		}
		if m.EventKey == clickHelp {
			return a.greeting()
		}
	}
	return ""
}

func (a *Account) greeting() string {
	title := a.Title
	if title == "" {
		title = "政务服务问答"
	}
	text := "您好，这里是" + title + "。请直接说要办什么事，例如“办居住证要什么材料”“护照几天能拿到”，也可以发语音。"
	if a.Site != "" {
		text += "\n" + anchor("打开网页版", a.Site+"/")
	}
	return text + "\n请不要发送身份证号、手机号等个人信息。紧急情况请直接拨打 110、119、120。"
}

// lifeEvent lists the steps of a life event, as many as there is room for.
func (a *Account) lifeEvent(ctx context.Context, id string) string {
	ev, err := a.Engine.Event(ctx, id)
	switch {
	case errors.Is(err, corpus.ErrNotFound):
		return "这一件事已经调整，请直接说要办什么事。"
	case err != nil:
		a.Log.Warn("life event not read", "channel", a.Kind, "err", err)
		return a.busy()
	}
	got := answer.Answer{Outcome: answer.Choose, Text: "「" + ev.Name + "」依次要办：", GeneratedBy: answer.ByTemplate}
	for i, s := range ev.Matters {
		line := fmt.Sprintf("\n%d. %s", i+1, s.Title)
		if s.Optional {
			line += "（符合条件的才办）"
		}
		if s.Note != "" {
			line += "：" + s.Note
		}
		got.Text += line
	}
	if ev.Source.Sample {
		got.Notices = append(got.Notices, answer.NoticeSample)
	}
	tail := "\n想了解哪一项，直接说它的名字。"
	if a.Site != "" {
		tail += "\n" + anchor("查看材料清单和先后顺序", a.Site+"/events/"+id)
	}
	return a.write(&got, tail)
}

// The keys of menu buttons.
const (
	clickEvent = "event:"
	clickHelp  = "help"
)

// A Menu is what stands under the conversation, in the platforms' form.
type Menu struct {
	Buttons []Button `json:"button"`
}

// A Button opens a list, tells us a key, or opens a page.
type Button struct {
	Type string   `json:"type,omitempty"` // click or view; "" opens Sub
	Name string   `json:"name"`
	Key  string   `json:"key,omitempty"`
	URL  string   `json:"url,omitempty"`
	Sub  []Button `json:"sub_button,omitempty"`
}

// What the platforms take: three buttons of five, with names of at most so
// many bytes.
const (
	maxSub     = 5
	maxSubName = 40
)

// Menu makes the menu: the life events of persons, those of firms, and what
// else there is. The ids choose which events and in which order; none takes
// the first.
func (a *Account) Menu(ctx context.Context, ids []string) (Menu, error) {
	events, err := a.Engine.Events(ctx, a.Region)
	if err != nil {
		return Menu{}, err
	}
	if len(ids) > 0 {
		if events, err = chosen(events, ids); err != nil {
			return Menu{}, err
		}
	}
	var person, firm []Button
	for _, e := range events {
		list := &person
		if len(e.Audience) > 0 && !slices.Contains(e.Audience, corpus.Person) {
			list = &firm
		}
		if len(*list) < maxSub {
			*list = append(*list, Button{Type: "click", Name: firstBytes(e.Name, maxSubName), Key: clickEvent + e.ID})
		}
	}
	var menu Menu
	for _, b := range []Button{{Name: "个人办事", Sub: person}, {Name: "企业办事", Sub: firm}} {
		if len(b.Sub) > 0 {
			menu.Buttons = append(menu.Buttons, b)
		}
	}
	more := []Button{{Type: "click", Name: "怎么提问", Key: clickHelp}}
	if a.Site != "" {
		more = append(more, Button{Type: "view", Name: "网页问答", URL: a.Site + "/"}, Button{Type: "view", Name: "全部一件事", URL: a.Site + "/events"},
			Button{Type: "view", Name: "查事项", URL: a.Site + "/search"}, Button{Type: "view", Name: "留言", URL: a.Site + "/message"})
	}
	menu.Buttons = append(menu.Buttons, Button{Name: "更多", Sub: more})
	return menu, nil
}

// chosen picks events by their ids.
func chosen(events []answer.LifeEvent, ids []string) ([]answer.LifeEvent, error) {
	var list []answer.LifeEvent
	for _, id := range ids {
		i := slices.IndexFunc(events, func(e answer.LifeEvent) bool { return e.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("一件事 %s：%w", id, corpus.ErrNotFound)
		}
		list = append(list, events[i])
	}
	return list, nil
}

// firstBytes cuts a name at a character.
func firstBytes(name string, most int) string {
	for len(name) > most {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}
