package desk

import (
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
)

// The bodies of requests, as the OpenAPI document describes them.
type (
	// A CallBody opens a call.
	CallBody struct {
		ID       string            `json:"id,omitempty" doc:"来电编号，由来电系统给出；同一编号重复开通只有一通来电。不填则自动编号"`
		Operator string            `json:"operator,omitempty" doc:"坐席的账号；用接口密钥时必填，坐席自己开通时不用填"`
		Caller   string            `json:"caller,omitempty" doc:"来电号码，选填"`
		Region   corpus.RegionCode `json:"region,omitempty" doc:"来电人所在地的行政区划代码，选填"`
	}

	// A NoteBody changes what the operator has taken down; what is missing stays.
	NoteBody struct {
		Notes  *string            `json:"notes,omitempty" doc:"坐席的记录"`
		Caller *string            `json:"caller,omitempty" doc:"来电号码"`
		Region *corpus.RegionCode `json:"region,omitempty" doc:"来电人所在地的行政区划代码"`
	}

	// A LinesBody is one line of a call, or several.
	LinesBody struct {
		desk.Line
		Lines []desk.Line `json:"lines,omitempty" doc:"一次多句；与单独一句的各项二选一，最多 200 句"`
	}

	// A SuggestBody asks for suggestions.
	SuggestBody struct {
		Typed    string   `json:"typed,omitempty" doc:"坐席正在输入的字"`
		Shown    []string `json:"shown,omitempty" doc:"页面现在列出的事项编码，依次"`
		Selected string   `json:"selected,omitempty" doc:"光标所在的事项编码"`
		Complete bool     `json:"complete,omitempty" doc:"暂时不再有新的字"`
	}

	// A FieldBody calls up one field of a guide.
	FieldBody struct {
		Code   string     `json:"code" doc:"事项的实施编码"`
		Aspect nlp.Aspect `json:"aspect,omitempty" doc:"要素，如 fee；不填为概览"`
	}

	// A JudgementBody is what an operator makes of an answer.
	JudgementBody struct {
		ID     string     `json:"id" doc:"页面自己的编号；同一编号只算一次"`
		Code   string     `json:"code" doc:"事项的实施编码"`
		Aspect nlp.Aspect `json:"aspect,omitempty" doc:"调出的要素；列表里的答复不填"`
		Typed  string     `json:"typed,omitempty" doc:"当时输入框里的字"`
		Shown  string     `json:"shown,omitempty" doc:"坐席看到的答复"`
		Said   string     `json:"said,omitempty" doc:"坐席改过的答复；没改不填"`
		Place  int        `json:"place,omitempty" doc:"在列表里的位置，从 1 起"`
		Field  string     `json:"field,omitempty" doc:"报错的是哪一项"`
		Reason string     `json:"reason,omitempty" doc:"原因"`
	}

	// A DecisionBody is what a supervisor decides about an answer that waits.
	DecisionBody struct {
		Adoption string `json:"adoption" doc:"待审答复的编号"`
		Approved bool   `json:"approved" doc:"是否同意"`
		Comment  string `json:"comment,omitempty" doc:"意见"`
	}

	// A ReviewBody is a supervisor's judgement of a call.
	ReviewBody struct {
		Score   int    `json:"score" doc:"质检评分，0 到 100"`
		Comment string `json:"comment,omitempty" doc:"评语"`
	}
)

// The replies that are made here.
type (
	// A Calls lists calls.
	Calls struct {
		Calls []desk.Call `json:"calls" doc:"来电"`
	}

	// A Taken confirms lines.
	Taken struct {
		ID      string `json:"id" doc:"来电编号"`
		Version uint64 `json:"version" doc:"来电的变更次数"`
		Lines   int    `json:"lines" doc:"现在共有几句"`
	}

	// A Judged confirms a judgement.
	Judged struct {
		ID string `json:"id" doc:"判断的编号"`
	}

	// A Finished call has a draft of what has to be confirmed.
	Finished struct {
		Call  desk.Call `json:"call" doc:"来电"`
		Draft desk.Wrap `json:"draft" doc:"工单的草稿"`
	}

	// An Orders lists work orders.
	Orders struct {
		Orders []desk.WorkOrder `json:"orders" doc:"工单"`
	}
)
