package web_test

import (
	"context"
	"testing"

	"github.com/govqa/govqa/api/browsertest"
)

// testAxe runs axe-core on every page in every state: it finds nothing
// serious or critical, in the light, in the dark, and in large type.
func testAxe(parent context.Context, t *testing.T) {
	axe := browsertest.NewAxe(t)
	slow := make(chan struct{})
	defer close(slow)
	b := open(parent, t, serve(t, &engine{known: answers(), slow: slow}), "/about", 360, 740)
	check := func(state string) { t.Helper(); axe.Check(b.Window, state) }
	states := []string{"/?", "/?q=居住证要什么材料", "/?q=我要落户", "/?q=去月球", "/?q=家里着火了", "/?q=要收费吗", "/?q=出错",
		"/matters/AL%2FJZ%20001?", "/matters/none?", "/search?", "/search?q=居住证", "/search?q=去月球",
		"/events?", "/events?region=990121", "/events/AL-B-1?", "/policies/AL-P-002?", "/message?matter=AL%2FJZ%20001", "/message/look-up?", "/about?", "/widget?"}
	for _, path := range states {
		b.Visit(path + "&region=&large=0")
		check("light " + path)
	}
	// The colours and sizes are the same on all pages: these have them all.
	for _, path := range []string{"/?q=居住证要什么材料", "/?q=家里着火了", "/matters/AL%2FJZ%20001?"} {
		b.Dark()
		b.Visit(path + "&large=0")
		check("dark " + path)
		b.Light()
		b.Visit(path + "&large=1")
		check("large " + path)
	}
	b.Visit("/?large=0")
	b.ask("居住")
	b.Until(oneAnswer)
	check("an answer by script")
	b.Click(".rate summary")
	check("the reasons not to be satisfied")
	b.Visit("/#welcome")
	b.Until("!document.getElementById('asked').hidden")
	check("what the device remembers")
	b.Do("document.getElementById('q').focus()")
	b.Keys("居住")
	b.Until("!document.getElementById('hints').hidden")
	check("suggestions")
	b.say("慢慢来")
	b.Until("document.querySelector('#pending .wait') !== null")
	check("an answer under way")
	b.Click("#stop")
	b.Until("document.querySelector('#log .sorry') !== null")
	check("an answer that was stopped")
	b.Visit("/message")
	b.Click("#letter .btn.main")
	b.Until("document.querySelector('#text[aria-invalid=true]') !== null")
	check("a message with a fault")
	b.Do("document.getElementById('text').value = '几点开门'; document.getElementById('letter').requestSubmit()")
	b.Until("document.getElementById('number') !== null")
	check("a receipt")
	b.Visit("/widget")
	b.Click("[aria-haspopup=dialog]")
	check("the widget open")
}
