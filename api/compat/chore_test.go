package compat_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/api/compat"
)

// TestChores sends what stock clients ask of a model for themselves. The
// prompts are shortened to the words by which the clients' own can be known.
func TestChores(t *testing.T) {
	s := serve(t)
	user := func(text string) compat.ChatMessage {
		return compat.ChatMessage{Role: "user", Content: compat.Content(text)}
	}
	system := func(text string) compat.ChatMessage {
		return compat.ChatMessage{Role: "system", Content: compat.Content(text)}
	}
	reply := compat.ChatMessage{Role: "assistant", Content: "「居民身份证丢失补领」由安澜市公安局办理。"}
	const history = "\n### Chat History:\n<chat_history>\nUSER: 身份证丢了怎么补\nASSISTANT: 「居民身份证丢失补领」这样办：\n1. 挂失\nUSER: 要多少钱\nASSISTANT: 40元/证\n</chat_history>"
	for _, tt := range []struct {
		name     string
		messages []compat.ChatMessage
		want     string
	}{
		{"Open WebUI: title", []compat.ChatMessage{user("### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Output:\nJSON format: { \"title\": \"...\" }" + history)},
			`{"title":"居民身份证丢失补领"}`},
		{"Open WebUI: tags", []compat.ChatMessage{user("### Task:\nGenerate 1-3 broad tags categorizing the main themes.\n### Output:\nJSON format: { \"tags\": [\"...\"] }" + history)},
			`{"tags":["政务服务","证件办理"]}`},
		{"Open WebUI: follow-ups", []compat.ChatMessage{user("### Task:\nSuggest 3-5 relevant follow-up questions.\n### Output:\nJSON format: { \"follow_ups\": [\"...\"] }" + history)},
			`{"follow_ups":["居民身份证丢失补领要什么材料","居民身份证丢失补领要多久","居民身份证丢失补领在哪里办","居民身份证丢失补领网上能办吗"]}`},
		{"Open WebUI: queries", []compat.ChatMessage{user("### Task:\nAnalyze the chat history to determine the necessity of generating search queries.\n### Output:\n{ \"queries\": [] }" + history)}, `{"queries":[]}`},
		{"Open WebUI: autocompletion", []compat.ChatMessage{user("### Task:\nYou are an autocompletion system.\n### Output:\n{ \"text\": \"\" }")}, `{"text":""}`},
		{"Open WebUI: something else", []compat.ChatMessage{user("### Task:\nReflect the speaker's likely facial expression.")}, ``},
		{"LobeChat", []compat.ChatMessage{system("你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题"), user("user: 身份证丢了怎么补\nassistant: 由安澜市公安局办理\n\n请总结上述对话为10个字以内的标题，不需要包含标点符号")}, "居民身份证丢失补领"},
		{"Cherry Studio", []compat.ChatMessage{system("你是一名擅长会话的助理，你需要将用户的会话总结为 10 个字以内的标题，不要使用标点符号"), user("User: 身份证丢了怎么补")}, "居民身份证丢失补领"},
		{"a client that sends what was said as messages", []compat.ChatMessage{system("请将会话总结为 10 个字以内的标题"), user("身份证丢了怎么补")}, "居民身份证丢失补领"},
		{"NextChat: topic", []compat.ChatMessage{user("身份证丢了怎么补"), reply, user("使用四到五个字直接返回这句话的简要主题，不要解释，如果没有主题，请直接返回“闲聊”")}, "居民身份证丢失补领"},
		{"NextChat: memory", []compat.ChatMessage{user("身份证丢了怎么补"), reply, user("简要总结一下对话内容，用作后续的上下文提示 prompt，控制在 200 字以内")}, "用户问过：身份证丢了怎么补"},
		{"LibreChat", []compat.ChatMessage{user("Provide a concise, 5-word-or-less title for the conversation, using title case.\nUser: 身份证丢了怎么补\nAI: 由公安局办理")}, "居民身份证丢失补领"},
		{"nothing was found", []compat.ChatMessage{user("去月球旅游要办什么手续？"), user("Generate a short title for this chat")}, "去月球旅游要办什么手续"},
		{"nothing was said", []compat.ChatMessage{user("### Task:\nGenerate a concise title.\n<chat_history>\n</chat_history>")}, "政务服务咨询"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Clients send chores to a model of another name too.
			body, err := json.Marshal(compat.ChatRequest{Model: "gpt-4o-mini", Messages: tt.messages})
			if err != nil {
				t.Fatal(err)
			}
			r := send(t, "POST", s.URL+"/v1/chat/completions", string(body))
			if r.status != http.StatusOK {
				t.Fatalf("%d %s", r.status, r.body)
			}
			got := read[compat.ChatCompletion](t, r)
			if diff := cmp.Diff(tt.want, string(got.Choices[0].Message.Content)); diff != "" || got.Govqa != nil {
				t.Errorf("answer %v (-want +got):\n%s", got.Govqa, diff)
			}
		})
	}
	if asked := s.Asked.Texts(); len(asked) > 0 {
		t.Errorf("journalled: %q", asked)
	}
	for _, question := range []string{"房屋标题怎么写", "会议纪要总结归档要办什么手续", "公司名称变更怎么办", "Where can I get a title deed?", "How do I change the name of my company?", "聊天记录可以作证据吗"} {
		chat(t, s, question)
	}
	long := compat.ChatRequest{Model: compat.Plain, Messages: []compat.ChatMessage{
		system("你是某市的智能助手。" + strings.Repeat("请耐心、准确地回答群众的问题。", 40) + "会话结束时把会话总结成一个标题。"), user("聊天室备案怎么办")}}
	body, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	if got := read[compat.ChatCompletion](t, send(t, "POST", s.URL+"/v1/chat/completions", string(body))); got.Govqa == nil {
		t.Error("a question under an app's long system prompt was taken for a chore")
	}
	if asked := s.Asked.Texts(); len(asked) != 7 {
		t.Errorf("of seven questions %d were taken for such: %q", len(asked), asked)
	}
}
