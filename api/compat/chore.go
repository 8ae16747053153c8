package compat

import (
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/govqa/govqa/answer"
)

// A chore is what a chat client asks of a model for itself: a title for the
// conversation, tags, what could be asked next.
type chore struct {
	kind choreKind
	json bool     // whether the client wants an object and not bare words
	said []string // what the user has said in the conversation
}

type choreKind int

const (
	choreTitle choreKind = iota
	choreTags
	choreFollowUps
	choreQueries
	choreCompletion
	choreSummary
	choreOther
)

// A sign is how a chore is told from a question. No citizen writes like this.
type sign struct {
	kind  choreKind
	words *regexp.Regexp
}

// The signs, the first that fits first. Open WebUI begins every chore with
// “### Task:”; LobeChat, Cherry Studio, NextChat and others ask in Chinese;
// LibreChat, Chatbox and others in English.
var (
	taskMark  = regexp.MustCompile(`(?i)^\s*#{2,3} *task:`)
	taskSigns = []sign{
		{choreFollowUps, regexp.MustCompile(`(?i)follow[-_ ]?ups?\b`)},
		{choreTags, regexp.MustCompile(`(?i)\btags?\b`)},
		{choreTitle, regexp.MustCompile(`(?i)\btitle\b`)},
		{choreQueries, regexp.MustCompile(`(?i)\bquer(y|ies)\b`)},
		{choreCompletion, regexp.MustCompile(`(?i)\bauto-?complet`)},
		{choreOther, regexp.MustCompile(``)},
	}
	freeSigns = []sign{
		{choreTitle, regexp.MustCompile(`(会话|对话|聊天).{0,40}(总结|概括|归纳|生成|起).{0,30}标题`)},
		{choreTitle, regexp.MustCompile(`(总结|概括|归纳).{0,30}(会话|对话|聊天).{0,40}标题`)},
		{choreTitle, regexp.MustCompile(`直接返回这句话的简要主题`)},
		{choreSummary, regexp.MustCompile(`简要总结.{0,10}对话.{0,30}(prompt|提示)`)},
		{choreTitle, regexp.MustCompile(`(?i)\b(generate|create|write|provide|give|return|summari[sz]e)\b[^.]{0,80}\b(title|name)\b[^.]{0,60}\b(conversation|chat)\b`)},
		{choreTitle, regexp.MustCompile(`(?i)\b(conversation|chat)\b[^.]{0,80}\b(concise|short|brief)\b[^.]{0,40}\b(title|name)\b`)},
		{choreTitle, regexp.MustCompile(`(?i)\b(conversation|chat)( history)?, give this (conversation|chat) a name`)},
		{choreTitle, regexp.MustCompile(`(?i)\b(concise|short|brief)[^.]{0,40}\btitle\b[^.]{0,60}\b(conversation|chat)\b`)},
	}
)

// choreOf tells a chore from a question. Clients put their instructions into
// the last message or into the system prompt above it.
func choreOf(req *ChatRequest) (chore, bool) {
	last := lastUser(req.Messages)
	if last < 0 {
		return chore{}, false
	}
	prompt := string(req.Messages[last].Content)
	if taskMark.MatchString(prompt) {
		return newChore(req, last, prompt, prompt, taskSigns)
	}
	system := ""
	for _, m := range req.Messages[:last] {
		if m.Role == "system" || m.Role == "developer" {
			system = string(m.Content)
		}
	}
	if c, ok := newChore(req, last, prompt, prompt, freeSigns); ok {
		return c, true
	}
	if len(system) > maxInstructions { // an app's own description of its assistant
		return chore{}, false
	}
	return newChore(req, last, system, prompt, freeSigns)
}

// maxInstructions is the length in bytes of the longest system prompt that is
// taken for a chore's.
const maxInstructions = 1 << 10

func lastUser(messages []ChatMessage) int {
	for i, m := range slices.Backward(messages) {
		if m.Role == "user" && strings.TrimSpace(string(m.Content)) != "" {
			return i
		}
	}
	return -1
}

// newChore reads a chore out of its instructions, if they have a sign of one.
func newChore(req *ChatRequest, last int, instructions, prompt string, signs []sign) (chore, bool) {
	for _, s := range signs {
		if !s.words.MatchString(instructions) {
			continue
		}
		c := chore{kind: s.kind, json: strings.Contains(instructions, "{") && strings.Contains(instructions, `"`), said: saidIn(prompt)}
		if len(c.said) == 0 { // the conversation is in the messages, not in the prompt
			earlier := ChatRequest{Messages: req.Messages[:last]}
			c.said = earlier.said()
		}
		if len(c.said) == 0 && instructions != prompt { // or the message is all there is of it
			c.said = []string{prompt}
		}
		return c, true
	}
	return chore{}, false
}

// speaker begins what somebody says in a conversation that is written out.
var speaker = regexp.MustCompile(`(?im)^[ \t]*(user|用户|human|assistant|助手|ai|bot|session|system)[ \t]*[:：][ \t]*`)

// saidIn lists what the user says in a conversation written out.
func saidIn(text string) []string {
	if _, after, ok := strings.Cut(text, "<chat_history>"); ok {
		text, _, _ = strings.Cut(after, "</chat_history>")
	}
	var said []string
	marks := speaker.FindAllStringSubmatchIndex(text, -1)
	for i, m := range marks {
		end := len(text)
		if i+1 < len(marks) {
			end = marks[i+1][0]
		}
		who := strings.ToLower(text[m[2]:m[3]])
		line, _, _ := strings.Cut(strings.TrimSpace(text[m[1]:end]), "\n")
		if (who == "user" || who == "用户" || who == "human") && line != "" {
			said = append(said, line)
		}
	}
	return said
}

// do does a chore without a trace: nothing is journalled or counted.
func (s *server) do(ctx context.Context, c chore) (string, error) {
	var a answer.Answer
	if len(c.said) > 0 && (c.kind == choreTitle || c.kind == choreTags || c.kind == choreFollowUps) {
		said := c.said[max(0, len(c.said)-maxEarlier):]
		var err error
		last := len(said) - 1
		a, err = s.host.Engine.Ask(ctx, answer.Request{Text: clip(said[last], answer.MaxText), Earlier: said[:last], Silent: true})
		if err != nil {
			return "", err
		}
	}
	switch c.kind {
	case choreTitle:
		return c.write("title", title(&a, c.said))
	case choreTags:
		return c.write("tags", s.tags(ctx, &a))
	case choreFollowUps:
		return c.write("follow_ups", followUps(&a))
	case choreQueries:
		return c.write("queries", []string{})
	case choreCompletion:
		return c.write("text", "")
	case choreSummary:
		return clip("用户问过："+strings.Join(c.said, "；"), 200), nil
	}
	return "", nil
}

// write gives a value as the client wants it.
func (c *chore) write(key string, value any) (string, error) {
	if text, ok := value.(string); ok && !c.json {
		return text, nil
	}
	b, err := json.Marshal(map[string]any{key: value})
	return string(b), err
}

// The lengths in characters of what chores make.
const (
	maxTitle     = 20
	maxTags      = 3
	maxFollowUps = 4
)

// title names a conversation after the matter that it came to, or else after
// how it began.
func title(a *answer.Answer, said []string) string {
	switch {
	case a.Outcome == answer.Answered && len(a.Matters) > 0:
		return clip(a.Matters[0].Name, maxTitle)
	case len(said) > 0:
		return clip(strings.TrimRight(said[0], "。？！?!., "), maxTitle)
	}
	return anyTopic
}

const anyTopic = "政务服务咨询"

// tags are the themes of the matter that a conversation came to.
func (s *server) tags(ctx context.Context, a *answer.Answer) []string {
	tags := []string{"政务服务"}
	if a.Outcome != answer.Answered || len(a.Matters) == 0 {
		return tags
	}
	g, err := s.host.Engine.Guide(ctx, a.Matters[0].Code)
	if err != nil { // gone since, or a standing question: the general tag will do
		return tags
	}
	for _, t := range g.Themes[:min(maxTags-1, len(g.Themes))] {
		tags = append(tags, string(t))
	}
	return tags
}

// followUps are what the page offers to ask next.
func followUps(a *answer.Answer) []string {
	list := []string{}
	for _, o := range a.Options[:min(maxFollowUps, len(a.Options))] {
		list = append(list, o.Text)
	}
	return list
}

func clip(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n])
	}
	return text
}
