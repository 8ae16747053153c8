package web_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
)

// The guide that the tests ask about. Its places and numbers are made up.
func permit() *corpus.Guide {
	yes, no, one := true, false, 1
	return &corpus.Guide{
		Matter: corpus.Matter{
			Code: "AL/JZ 001", Name: "居住证申领", ShortName: "居住证", Kind: "行政确认", Process: "承诺件", Level: "县级",
			Agency: corpus.Agency{Name: "安澜市公安局"}, Region: corpus.Region{Code: "990100", Name: "安澜市"},
			Audience: []corpus.Audience{corpus.Person}, Themes: []corpus.Theme{"户籍办理"}, Related: []string{"AL-JZ-002", "gone"},
		},
		Condition: "在本市居住半年以上，并符合以下条件之一：\n（一）有合法稳定就业；\n（二）有合法稳定住所；\n（三）连续就读。",
		Materials: []corpus.Material{
			{Name: "居民身份证", Kind: "原件", Form: "纸质或电子", Copies: &one, Need: "必要", Source: "政府部门核发"},
			{Name: "居住地住址证明", Kind: "原件或复印件", Form: "纸质", Copies: &one, Need: "必要", Source: "申请人自备",
				Note: "房屋租赁合同、房屋产权证明、购房合同任选一种", Sample: "https://zwfw.anlan.example/sample.pdf", Blank: "javascript:alert(1)"},
			{Name: "就业证明", When: "以合法稳定就业申领的"},
		},
		Steps:         []string{"申请：到派出所窗口或在网上提出申请", "受理：当场核对材料", "制证：审核通过后制作证件", "领取：窗口领取或邮寄"},
		PromisedLimit: &corpus.Limit{N: 8, Unit: "工作日"}, Visits: &one, VisitReason: "需现场采集指纹和照片",
		Fee: &corpus.Fee{Charged: &no, Items: []corpus.FeeItem{{Name: "补领工本费", Amount: "20元/证", Basis: "某价费〔2020〕1号"}}},
		Places: []corpus.Place{{Name: "听涛派出所户籍窗口", Address: "安澜市听涛区和风路1号", Hours: "周一至周五 9:00—17:00", Phone: "0900-5550101"},
			{Name: "政务服务中心综合窗口", Address: "安澜市听涛区望海街26号"}},
		Contact: "0900-5550101", OnlineURL: "https://zwfw.anlan.example/apply/1", BookingURL: "javascript:alert(2)",
		Express: &yes, Agent: &no, Result: "居住证", Basis: []corpus.Basis{{Name: "居住证暂行条例", Number: "国令第663号", Article: "第二条", Text: "公民离开常住户口所在地，到其他城市居住半年以上……"}},
		FAQs:      []corpus.QA{{Q: "居住证要每年签注吗？", A: "要。每年在签发之日前一个月内签注。"}},
		Source:    corpus.Source{URL: "https://zwfw.anlan.example/guide/1", Updated: "2026-05-12", Sample: true},
		Effective: corpus.Period{From: "2026-01-01"},
	}
}

var source = answer.FactSource{URL: "https://zwfw.anlan.example/guide/1", Updated: "2026-05-12"}

func fact(field, label, value string) answer.Fact {
	return answer.Fact{Code: "AL/JZ 001", Field: field, Label: label, Value: value, Source: source}
}

var permitRef = answer.MatterRef{Code: "AL/JZ 001", Name: "居住证申领", Agency: "安澜市公安局", Region: "安澜市", Score: .93}

// answers are what the tests' engine says to each question.
func answers() map[string]answer.Answer {
	materials := []answer.Fact{
		fact("materials[0]", "材料1", "居民身份证（原件，1份，纸质或电子，必要，政府部门核发）"),
		fact("materials[1]", "材料2", "居住地住址证明（原件或复印件，1份，纸质，必要，申请人自备）。房屋租赁合同、房屋产权证明、购房合同任选一种"),
		fact("materials[2]", "材料3", "就业证明【以合法稳定就业申领的】"),
	}
	return map[string]answer.Answer{
		"居住证要什么材料": {
			ID: "ans1", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: "materials",
			Text:    "办理「居住证申领」需要以下3项材料：\n1. " + materials[0].Value + "\n2. " + materials[1].Value + "\n3. " + materials[2].Value,
			Matters: []answer.MatterRef{permitRef},
			Facts: append(materials, fact("promisedLimit", "承诺办结时限", "8个工作日"), fact("contact", "咨询电话", "0900-5550101"),
				fact("places[0]", "办理地点", "听涛派出所户籍窗口，安澜市听涛区和风路1号，周一至周五 9:00—17:00，电话 0900-5550101"),
				fact("places[1]", "办理地点", "政务服务中心综合窗口，安澜市听涛区望海街26号")),
			Options:         []answer.Option{{Label: "多久能办好", Text: "那要几天"}, {Label: "怎么收费", Text: "那要多少钱"}},
			Recommendations: []answer.Recommendation{{Code: "AL-JZ-002", Name: "居住证签注", Reason: "办了居住证，每年要签注一次", Kind: "next"}},
			Actions: []answer.Action{{Type: "online", Label: "在线办理", URL: "https://zwfw.anlan.example/apply/1"},
				{Type: "booking", Label: "预约办理", URL: "https://zwfw.anlan.example/book"},
				{Type: "call", Label: "拨打咨询电话", URL: "tel:09005550101"}, {Type: "online", Label: "坏链接", URL: "javascript:alert(1)"}},
			Notices: []string{answer.NoticeSample}, State: "state-1", Edition: 3,
		},
		"那要几天": {
			ID: "ans2", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: "time_limit",
			Text: "「居住证申领」\n承诺办结时限：8个工作日", Matters: []answer.MatterRef{permitRef},
			Facts: []answer.Fact{fact("promisedLimit", "承诺办结时限", "8个工作日")}, State: "state-2", Edition: 3,
		},
		"居住证怎么办": {
			ID: "ans11", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: "procedure", Matters: []answer.MatterRef{permitRef},
			Text:  "「居住证申领」这样办：\n1. 申请\n2. 受理\n3. 领取\n需要材料（2项）：居民身份证、居住地住址证明、等\n咨询电话：0900-5550101\n请先预约。",
			Facts: append([]answer.Fact{fact("steps", "办理流程", "1. 申请\n2. 受理\n3. 领取"), fact("contact", "咨询电话", "0900-5550101")}, materials[:2]...), Edition: 3,
		},
		"居住证丢了要紧吗": {
			ID: "ans13", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Matters: []answer.MatterRef{permitRef},
			Text:  "要紧。\n请尽快挂失。\n挂失后补领。\n补领要带户口簿。",
			Facts: []answer.Fact{fact("answer", "居住证丢了要紧吗", "要紧。\n请尽快挂失。\n挂失后补领。\n补领要带户口簿。")}, Edition: 3,
		},
		"遛狗不牵绳": {
			ID: "ans16", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: "overview", Edition: 3,
			Text: "《安澜市养犬管理规定》（安澜市人民政府令第28号）第九条：\n携犬出户不束犬绳的，处50元以上200元以下罚款。\n自2025年5月1日起施行。",
			Facts: []answer.Fact{
				{Code: "AL-P-003", Field: "text", Label: "《安澜市养犬管理规定》（安澜市人民政府令第28号）第九条", Value: "携犬出户不束犬绳的，处50元以上200元以下罚款。",
					Source: answer.FactSource{URL: "https://zwfw.anlan.example/policy/3", Updated: "2025-03-18", Title: "《安澜市养犬管理规定》（安澜市人民政府令第28号）", Place: "/policies/AL-P-003#a9"}},
				{Code: "AL-P-003", Field: "effective", Label: "施行日期", Value: "2025-05-01",
					Source: answer.FactSource{Updated: "2025-03-18", Title: "《安澜市养犬管理规定》（安澜市人民政府令第28号）", Place: "javascript:alert(1)"}},
			},
		},
		"居住证能转让吗": {
			ID: "ans17", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Matters: []answer.MatterRef{permitRef}, Edition: 3,
			Text:  "不能转让。\n——常见问题「居住证可以给别人用吗」，安澜市公安局，2026-05-12 更新",
			Facts: []answer.Fact{fact("answer", "居住证可以给别人用吗", "不能转让。")},
		},
		"办理流程": {
			ID: "ans12", Outcome: answer.Answered, GeneratedBy: answer.ByTemplate, Aspect: "procedure", Matters: []answer.MatterRef{permitRef},
			Text:  "「居住证申领」的办理流程：\n1. 申请\n2. 受理\n3. 领取",
			Facts: []answer.Fact{fact("steps", "办理流程", "1. 申请\n2. 受理\n3. 领取")}, Edition: 3,
		},
		"我要落户": {
			ID: "ans3", Outcome: answer.Choose, GeneratedBy: answer.ByTemplate, Aspect: "overview",
			Text: "「落户」有几种情形，请选您要办的一种：\n1. 新生儿落户\n2. 投靠亲属落户",
			Matters: []answer.MatterRef{{Code: "a", Name: "出生登记", Agency: "安澜市公安局", Region: "安澜市"},
				{Code: "b", Name: "投靠落户", Agency: "安澜市公安局", Region: "安澜市"}, {Code: "c", Name: "人才引进落户", Agency: "安澜市人力资源和社会保障局", Region: "安澜市"}},
			Options: []answer.Option{{Label: "新生儿落户", Text: "出生登记怎么办", Code: "a"}, {Label: "投靠亲属落户", Text: "投靠落户怎么办", Code: "b"}},
			State:   "state-3", Edition: 3,
		},
		"生孩子要办什么": {
			ID: "ans15", Outcome: answer.Choose, GeneratedBy: answer.ByTemplate, Text: "「新生儿出生一件事」包括以下2个事项：\n1. 出生登记\n2. 参加医保：尽早\n点选其中一项看怎么办。",
			Matters: []answer.MatterRef{{Code: "a", Name: "出生登记", Agency: "安澜市公安局", Region: "安澜市"}}, Options: []answer.Option{{Label: "出生登记", Text: "出生登记", Code: "a"}},
			Facts: []answer.Fact{{Code: "AL-B-1", Field: "steps", Label: "新生儿出生一件事", Value: "1. 出生登记\n2. 参加医保：尽早", Source: source}}, Edition: 3,
		},
		"去月球": {
			ID: "ans4", Outcome: answer.NotFound, GeneratedBy: answer.ByCanned, Text: "没有找到这方面的办事指南。可以换个说法，比如说出要办的证件或事情。", Edition: 3,
		},
		"家里着火了": {
			ID: "ans5", Outcome: answer.Emergency, GeneratedBy: answer.ByCanned, Text: "请马上拨打 119。先离开危险的地方，再打电话。",
			Actions: []answer.Action{{Type: "call", Label: "拨打 119", URL: "tel:119"}}, Edition: 3,
		},
		"要收费吗": {
			ID: "ans6", Outcome: answer.Answered, GeneratedBy: answer.ByLLM, AIGC: &answer.AIGC{Label: true, Producer: "安澜市", ContentID: "ans6", Model: "示例模型", Filing: "示例-备案-0001"}, Text: "居住证首次申领不用交钱。", Matters: []answer.MatterRef{permitRef},
			Facts: []answer.Fact{fact("fee.charged", "收费", "不收费")}, Notices: []string{answer.NoticeMissing, "not_known"}, Edition: 3,
		},
		"帮我看看房子": {
			ID: "ans7", Outcome: answer.Clarify, GeneratedBy: answer.ByTemplate, Text: "您要办哪件和房子有关的事？",
			Options: []answer.Option{{Label: "买房", Text: "买房要办什么"}, {Label: "租房", Text: "租房备案"}}, Edition: 3,
		},
		"我的号440106199001011232办好了吗": {ID: "ans14", Outcome: answer.Handoff, GeneratedBy: answer.ByCanned, Text: "这里查不到个人办件。", Notices: []string{answer.NoticeMasked}, Edition: 3},
		"我要投诉": {ID: "ans8", Outcome: answer.Handoff, GeneratedBy: answer.ByCanned, Text: "投诉请联系人工。", Edition: 3},
		"骂人":   {ID: "ans9", Outcome: answer.Refused, GeneratedBy: answer.ByCanned, Text: "这个问题我不能回答。", Edition: 3},
		"你好":   {ID: "ans10", Outcome: answer.Smalltalk, GeneratedBy: answer.ByCanned, Text: "您好，请问要办什么事？", Edition: 3},
	}
}

// engine is an api.Engine that knows its answers by heart, and remembers what
// it was asked and told.
type engine struct {
	known map[string]answer.Answer
	slow  <-chan struct{} // "慢慢来" waits for it

	mu    sync.Mutex
	asked []answer.Request
	rated []answer.Feedback
	left  []answer.Message
	full  bool // no message can be kept
}

var errBroken = errors.New("the engine is broken")

func (e *engine) Ask(ctx context.Context, r answer.Request) (answer.Answer, error) {
	e.mu.Lock()
	e.asked = append(e.asked, r)
	e.mu.Unlock()
	switch r.Text {
	case "出错":
		return answer.Answer{}, errBroken
	case "慢慢来":
		select {
		case <-e.slow:
		case <-ctx.Done():
			return answer.Answer{}, ctx.Err()
		}
	}
	a, ok := e.known[r.Text]
	if !ok {
		a = e.known["居住证要什么材料"]
	}
	return a, nil
}

func (e *engine) requests() []answer.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.asked)
}

func (e *engine) feedbacks() []answer.Feedback {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.rated)
}

func (e *engine) Search(_ context.Context, r answer.SearchRequest) (answer.SearchPage, error) {
	switch {
	case r.Cursor == "bad":
		return answer.SearchPage{}, answer.ErrBadCursor
	case r.Text == "去月球":
		return answer.SearchPage{}, nil
	}
	return answer.SearchPage{Matters: []answer.MatterRef{permitRef, {Code: "AL-JZ-002", Name: "居住证签注", Agency: "安澜市公安局", Region: "安澜市"}},
		Total: 2, Next: "c2"}, nil
}

func (e *engine) Suggest(_ context.Context, text string, _ corpus.RegionCode, _ int) ([]answer.Suggestion, error) {
	if !strings.HasPrefix(text, "居住") {
		return nil, nil
	}
	return []answer.Suggestion{{Text: "居住证要什么材料", Code: "AL/JZ 001"}, {Text: "居住证在哪里办", Code: "AL/JZ 001"}}, nil
}

func (e *engine) Guide(_ context.Context, code string) (*corpus.Guide, error) {
	switch code {
	case "AL/JZ 001":
		return permit(), nil
	case "AL-JZ-002":
		return &corpus.Guide{Matter: corpus.Matter{Code: code, Name: "居住证签注"}}, nil
	}
	return nil, fmt.Errorf("%q: %w", code, corpus.ErrNotFound)
}

func (e *engine) Themes(context.Context, corpus.RegionCode) ([]answer.ThemeCount, error) {
	return []answer.ThemeCount{{Name: "户籍办理", Audience: "person", Matters: 28}, {Name: "出境入境", Audience: "person", Matters: 13},
		{Name: "社会保障", Audience: "person", Matters: 31}, {Name: "医疗卫生", Audience: "person", Matters: 9},
		{Name: "住房保障", Audience: "person", Matters: 12}, {Name: "设立变更", Audience: "legal", Matters: 17}}, nil
}

func (e *engine) Regions(context.Context) ([]answer.RegionCount, error) {
	return []answer.RegionCount{{Code: "990000", Name: "安澜省"}, {Code: "990100", Name: "安澜市", Parent: "990000", Matters: 120},
		{Code: "990102", Name: "听涛区", Parent: "990100", Matters: 3}, {Code: "990121", Name: "禾丰县", Parent: "990100", Matters: 4}}, nil
}

func (e *engine) Hot(context.Context, corpus.RegionCode, int) ([]answer.HotQuestion, error) {
	var hot []answer.HotQuestion
	for _, q := range []string{"居住证要什么材料", "身份证丢了怎么补", "孩子刚出生怎么上户口", "护照到期怎么换", "公积金怎么提取", "开餐馆要办什么证"} {
		hot = append(hot, answer.HotQuestion{Text: q})
	}
	return hot, nil
}

func (e *engine) Feedback(_ context.Context, f answer.Feedback) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rated = append(e.rated, f)
	return nil
}

func (e *engine) Edition() corpus.Edition { return 3 }

func (e *engine) Ready() error { return nil }

// events are the life events that the tests know.
func events() []answer.LifeEvent {
	return []answer.LifeEvent{
		{ID: "AL-B-1", Name: "新生儿出生一件事", Stage: "出生", Audience: []corpus.Audience{corpus.Person}, Region: "安澜市", Steps: 3},
		{ID: "AL-B-2", Name: "教育入学一件事", Stage: "教育", Region: "安澜市", Steps: 4},
		{ID: "AL-B-3", Name: "开办餐饮店一件事", Stage: "准入准营", Audience: []corpus.Audience{corpus.Enterprise}, Region: "安澜市", Steps: 6},
	}
}

func (e *engine) Events(_ context.Context, region corpus.RegionCode) ([]answer.LifeEvent, error) {
	if region == "990121" {
		return nil, nil
	}
	return events(), nil
}

func birth() *answer.EventGuide {
	step := func(code, name, title string) answer.EventStep {
		return answer.EventStep{MatterRef: answer.MatterRef{Code: code, Name: name, Agency: "安澜市公安局", Region: "安澜市"}, Title: title}
	}
	steps := []answer.EventStep{step("AL-SY-002", "出生医学证明签发", "领取出生医学证明"), step("AL-HJ-001", "出生登记", "出生登记（上户口）"), step("AL-SB-028", "社会保障卡申领", "申领社会保障卡")}
	steps[1].After, steps[1].Note = []string{"领取出生医学证明"}, "随父随母都可以"
	steps[2].Optional = true
	return &answer.EventGuide{LifeEvent: events()[0], Matters: steps,
		Materials: []answer.SharedMaterial{{Name: "居民户口簿", Uses: []answer.MaterialUse{{Code: "AL-HJ-001", Matter: "出生登记", About: "（原件，1份）"}, {Code: "AL-SB-028", Matter: "社会保障卡申领", About: "（复印件，1份）"}}},
			{Name: "出生医学证明", Uses: []answer.MaterialUse{{Code: "AL-HJ-001", Matter: "出生登记"}}}},
		Source: corpus.Source{URL: "https://zwfw.anlan.example/bundle/1", Updated: "2026-06-30", Sample: true}}
}

func (e *engine) Event(_ context.Context, id string) (*answer.EventGuide, error) {
	if id != "AL-B-1" {
		return nil, fmt.Errorf("%q: %w", id, corpus.ErrNotFound)
	}
	return birth(), nil
}

// rules is a policy that is replaced, in chapters.
func rules() *answer.PolicyText {
	old := &corpus.Policy{ID: "AL-P-002", Title: "安澜市人才安居补贴实施办法（试行）", Number: "安政发〔2022〕11号", Agency: corpus.Agency{Name: "安澜市人民政府"},
		Text:      "第一章　总则\n第一条　为吸引人才，制定本办法。\n第二章　补贴\n第二条　补贴按下列标准发放：\n（一）博士每月1500元；\n（二）硕士每月800元。",
		Effective: corpus.Period{From: "2022-07-01", To: "2026-02-28"},
		Source:    corpus.Source{URL: "https://zwfw.anlan.example/policy/AL-P-002", Updated: "2022-06-20", Sample: true}}
	return &answer.PolicyText{Policy: old, Articles: old.Articles(), Replaced: &corpus.Policy{ID: "AL-P-001",
		Title: "安澜市人才安居补贴实施办法", Number: "安政发〔2026〕3号", Effective: corpus.Period{From: "2026-03-01"}}}
}

func (e *engine) Policy(_ context.Context, id string) (*answer.PolicyText, error) {
	if id != "AL-P-002" {
		return nil, fmt.Errorf("%q: %w", id, corpus.ErrNotFound)
	}
	return rules(), nil
}

func (e *engine) Around(_ context.Context, g *corpus.Guide) (answer.Around, error) {
	if g.Code != permitRef.Code {
		return answer.Around{}, nil
	}
	renewal := answer.MatterRef{Code: "AL-JZ-002", Name: "居住证签注", Agency: "安澜市公安局", Region: "安澜市"}
	return answer.Around{Situations: []answer.MatterRef{{Code: "AL-JZ-003", Name: "居住证补领"}}, Related: []answer.MatterRef{renewal}, Events: events()[1:2],
		Next: []answer.Recommendation{{Code: "AL-ED-003", Name: "随迁子女入学", Reason: "「教育入学一件事」中，办完这一项就可以办它", Kind: "next"}}}, nil
}

var receipt = answer.Receipt{Number: "482103957716", Code: "39062215", Received: time.Date(2026, 5, 12, 1, 30, 0, 0, time.UTC)}

func (e *engine) Leave(_ context.Context, m answer.Message) (answer.Receipt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.full {
		return answer.Receipt{}, answer.ErrNoMailbox
	}
	if !slices.Contains(e.left, m) { // what is sent twice is kept once
		e.left = append(e.left, m)
	}
	return receipt, nil
}

func (e *engine) letters() []answer.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.left)
}

func (e *engine) MessageStatus(_ context.Context, number, code string) (answer.MessageStatus, error) {
	if number != receipt.Number || strings.ReplaceAll(code, " ", "") != receipt.Code { // people write the code in groups
		return answer.MessageStatus{}, corpus.ErrNotFound
	}
	return answer.MessageStatus{Number: number, Kind: "咨询", Text: "社区食堂老人吃饭有补贴吗？", Status: answer.MessageAnswered, Received: receipt.Received,
		Replies: []answer.MessageReply{{Agency: "安澜市民政局", Text: "有，请到所在社区登记。", Time: receipt.Received.Add(26 * time.Hour)}}}, nil
}

func (e *engine) Recommend(context.Context, answer.RecommendRequest) (answer.RecommendPage, error) {
	return answer.RecommendPage{Recommendations: []answer.Recommendation{{Code: "AL-YB-001", Name: "城乡居民医保参保", Reason: "每年这个时候办的人多", Kind: "season"}}}, nil
}
