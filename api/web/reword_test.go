package web_test

import (
	"context"
	"testing"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/api/browsertest"
)

// A writer is a language model that writes as far as a test lets it.
type writer struct {
	first, rest string
	on          chan bool // lets it go on; false drops what it has written
	asked       chan answer.Channel
}

func (w *writer) Reword(_ context.Context, r answer.Request, a answer.Answer, show func(string)) answer.Answer {
	if a.Outcome != answer.Answered || show == nil {
		return a
	}
	w.asked <- r.Channel
	show(w.first)
	if !<-w.on {
		return a
	}
	show(w.rest)
	a.Text, a.GeneratedBy = w.first+w.rest, answer.ByLLM
	a.AIGC = &answer.AIGC{Label: true, Producer: "安澜市", ContentID: a.ID, Model: "示例模型", Filing: "示例-备案-0001"}
	return a
}

// What a model writes is on the page while it is written, marked from its
// first sentence on; what is dropped after all leaves no trace.
func TestRewordedInTheBrowser(t *testing.T) {
	parent := browsertest.Start(t)
	w := &writer{first: "办居住证，先带好居民身份证。", rest: "再带居住地址证明。", on: make(chan bool), asked: make(chan answer.Channel, 1)}
	base, stop := serveAt(t, &engine{known: answers()}, "127.0.0.1:0", func(c *api.Config) { c.Reworder = w })
	t.Cleanup(stop)
	const (
		lead   = "document.querySelector('#pending .lead, #log .turn:last-child .lead')?.textContent"
		note   = "document.querySelector('#pending .note.ai, #log .turn:last-child .note.ai')"
		marked = "AI 生成，仅供参考，请以办事指南原文为准"
	)
	b := open(parent, t, base, "/", 390, 844)
	b.say("居住证要什么材料")
	b.Until(lead + " === '" + w.first + "'")
	if ch := <-w.asked; ch != answer.ChannelPage {
		t.Errorf("asked by channel %q", ch)
	}
	b.Is(note + ".textContent.startsWith('" + marked + "')")
	b.Is("document.querySelectorAll('#pending .facts').length > 0") // the guide's own words are there all the time
	w.on <- true
	b.Until(oneAnswer)
	b.Is(lead + " === '" + w.first + w.rest + "'")
	b.Is(note + ".textContent === '" + marked + "；模型：示例模型；备案号：示例-备案-0001。'")
	browsertest.NewAxe(t).Check(b.Window, "reworded")
	b.Shoot("reworded")
	b.Is(`JSON.parse(sessionStorage.turns)[0].a.aigc.filing === '示例-备案-0001'`)

	b.Do("sessionStorage.clear()")
	b.Visit("/")
	b.say("居住证要什么材料")
	b.Until(lead + " === '" + w.first + "'")
	<-w.asked
	w.on <- false
	b.Until(oneAnswer)
	b.Is(lead + ".startsWith('办理「居住证申领」')")
	b.Is(note + " === null")
	b.Quiet()
}
