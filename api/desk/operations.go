package desk

import (
	"net/http"
	"time"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/desk"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/nlp"
)

const tag = "坐席"

// Description describes the operations for the OpenAPI document. The examples
// are of the built-in sample city.
func Description() api.Description {
	const call = "C-20261125-001"
	at := time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)
	line := desk.Line{ID: "L-1", Speaker: desk.CallerSays, Text: "身份证丢了怎么补", At: at}
	wrap := desk.Wrap{Summary: "咨询居民身份证丢失补领怎么办理。", Category: "咨询", Agency: "安澜市公安局", Result: "已答复"}
	adoption := desk.Adoption{ID: "J-1", At: at, Status: desk.Adopted, Code: "AL-SF-004", Name: "居民身份证丢失补领", Agency: "安澜市公安局",
		Aspect: nlp.AspectProcedure, Edition: 1, Asked: line.Text, Text: "「居民身份证丢失补领」由安澜市公安局办理。", Facts: []answer.Fact{}, Place: 1, Confidence: .93}
	opened := desk.Call{ID: call, Operator: "小王", Group: desk.Assisted, Opened: at, Version: 3, Lines: []desk.Line{line}, Adopted: []desk.Adoption{}, Wrap: desk.Wrap{}}
	ended := opened
	ended.Ended = at.Add(4 * time.Minute)
	order := desk.WorkOrder{ID: call, Opened: at, Ended: at.Add(4 * time.Minute), Closed: at.Add(5 * time.Minute), Operator: "小王", Summary: wrap.Summary,
		Category: wrap.Category, Agency: wrap.Agency, Result: wrap.Result, Answers: []desk.OrderAnswer{}, Group: desk.Assisted}
	item := desk.Item{Code: adoption.Code, Name: adoption.Name, Agency: adoption.Agency, Region: "安澜市", Why: []string{}, Text: adoption.Text, Facts: []answer.Fact{},
		Confidence: .93, Band: desk.High, BandLabel: "把握大", Edition: 1, Sample: true}
	judgement := JudgementBody{ID: "J-1", Code: adoption.Code, Aspect: nlp.AspectProcedure}
	reported := JudgementBody{ID: "J-2", Code: adoption.Code, Field: "fee", Reason: "窗口说已经调价"}
	comparison := desk.Comparison{Groups: []desk.GroupFigures{}}
	settings := desk.Settings{Control: 10, Approve: []string{"小王"}}

	id := api.Param{Name: "id", In: "path", Words: "来电编号", Example: call}
	past := []api.Param{
		{Name: "from", In: "query", Words: "从哪天起（年-月-日）", Example: "2026-11-01"}, {Name: "to", In: "query", Words: "到哪天止", Example: "2026-12-31"},
		{Name: "operator", In: "query", Words: "坐席的账号", Example: "小王"}, {Name: "category", In: "query", Words: "诉求类别", Example: "咨询"},
		{Name: "result", In: "query", Words: "办理结果", Example: "已答复"}, {Name: "limit", In: "query", Words: "最多几条", Example: 20},
	}
	var ops []api.Operation
	add := func(method, path, name, summary, words string, in, out any, params ...api.Param) {
		op := api.Operation{ID: "desk-" + name, Method: method, Path: "/api/v1/desk" + path, Tag: tag, Summary: summary, Description: words, Scope: scope, Staff: true,
			Params: params, Body: in, Reply: out, Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}}
		if in != nil {
			op.Problems = append(op.Problems, http.StatusBadRequest, http.StatusRequestEntityTooLarge)
		}
		ops = append(ops, op)
	}
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	add(post, "/calls", "open", "开通来电", "开通一通来电，或取回同一编号的来电。来电系统用接口密钥调用时写明坐席。", CallBody{ID: call, Operator: "小王"}, opened)
	add(get, "/calls", "calls", "来电", "正在进行的来电；state=past 时为已经办结的来电，可按日期、坐席、类别、结果筛选。坐席只看到自己的。", nil, Calls{[]desk.Call{opened}},
		append([]api.Param{{Name: "state", In: "query", Words: "past 为办结的来电，不填为进行中的", Example: "past"}}, past...)...)
	add(get, "/calls/{id}", "call", "一通来电", "来电的全部内容。", nil, opened, id)
	add(put, "/calls/{id}/notes", "notes", "记录", "改坐席的记录、来电号码、地区；没有写的不变。", NoteBody{Notes: ptr("来电人在外地")}, opened, id)
	add(post, "/calls/{id}/lines", "lines", "送入通话文字", "语音转写系统送入一句或多句。每句自带编号，重送只记一次；个人信息隐去后才保存。", LinesBody{Line: line}, Taken{call, 4, 1}, id)
	add(post, "/calls/{id}/suggest", "suggest", "推荐答复", "按通话和输入给出候选事项和答复；对照组的来电没有。", SuggestBody{Typed: "多少钱", Complete: true},
		desk.Suggestions{Group: desk.Assisted, Asked: line.Text, Outcome: answer.Answered, Aspect: nlp.AspectProcedure, Items: []desk.Item{item},
			Notes: []desk.KnowledgeNote{}, Alike: []answer.Option{}, Related: []desk.RelatedMatter{}, Notices: []string{}, Edition: 1}, id)
	add(post, "/calls/{id}/field", "field", "调出一项", "一个事项的一个要素，逐字取自指南。", FieldBody{Code: adoption.Code, Aspect: nlp.AspectFee}, item, id)
	add(post, "/calls/{id}/settle", "settle", "答过了", "到此为止的话已经答复，之后的推荐不再看它们。", nil, opened, id)
	add(post, "/calls/{id}/adopt", "adopt", "采用", "采用一个答复，可以改过。需要班长审的先待审。", judgement, withAdopted(opened, adoption), id)
	add(post, "/calls/{id}/reject", "reject", "不合适", "说一个候选不合适，供改进排序。", JudgementBody{ID: "J-3", Code: adoption.Code, Place: 2, Reason: "答非所问"}, Judged{"J-3"}, id)
	add(post, "/calls/{id}/report", "report", "报错", "报告指南的一项有误，编辑收到待办。", reported, Judged{"J-2"}, id)
	add(post, "/calls/{id}/end", "end", "通话结束", "记下通话结束，返回工单的草稿。", nil, Finished{ended, wrap}, id)
	add(post, "/calls/{id}/close", "close", "办结", "坐席确认后办结，生成工单。", wrap, order, id)
	add(get, "/calls/{id}/order", "order", "工单", "办结的来电的工单。", nil, order, id)
	add(get, "/orders", "orders", "工单列表", "办结的来电的工单；format=csv 时为 CSV。", nil, Orders{[]desk.WorkOrder{order}}, past...)
	add(post, "/calls/{id}/decide", "decide", "审待审的答复", "班长同意或不同意一个待审的答复。", DecisionBody{Adoption: "J-1", Approved: true}, withAdopted(opened, adoption), id)
	add(post, "/calls/{id}/review", "review", "质检", "班长给一通办结的来电评分。", ReviewBody{Score: 95, Comment: "清楚"}, opened, id)
	add(get, "/sample", "sample", "抽检", "随机抽几通办结的来电。", nil, Calls{[]desk.Call{}}, append([]api.Param{{Name: "n", In: "query", Words: "几通，不填为 5", Example: 5}}, past...)...)
	add(get, "/groups", "groups", "对照", "有推荐与没有推荐的来电的比较。", nil, comparison, past...)
	add(get, "/settings", "settings", "设置", "对照组的比例，哪些坐席的答复要审。", nil, settings)
	add(put, "/settings", "set-settings", "改设置", "改对照组的比例和要审的坐席。", settings, settings)
	for _, e := range []struct{ path, name, summary, words string }{
		{"/calls/{id}/events", "call-events", "来电的变化", "一通来电的变化。"}, {"/events", "events", "各来电的变化", "全部进行中的来电的变化，班长用。"},
	} {
		op := api.Operation{ID: "desk-" + e.name, Method: get, Path: "/api/v1/desk" + e.path, Tag: tag, Summary: e.summary, Scope: scope, Staff: true,
			Description: e.words + "事件流：每次变化一个 call 事件，带编号和版本；25 秒后结束，由调用方重连，开头总是现在的样子。",
			Reply:       "event: call\ndata: {\"id\":\"" + call + "\",\"version\":4}\n\n", ReplyType: "text/event-stream", Problems: []int{http.StatusNotFound}}
		if e.name == "call-events" {
			op.Params = []api.Param{id}
		}
		ops = append(ops, op)
	}
	return api.Description{Tag: tag, TagWords: "坐席台的来电、推荐与工单。坐席和班长凭登录使用，来电与工单系统凭接口密钥（desk 范围）", Operations: ops, Words: words}
}

func withAdopted(c desk.Call, a desk.Adoption) desk.Call {
	c.Adopted = []desk.Adoption{a}
	return c
}

func ptr[T any](v T) *T { return &v }

// words says what the fields hold that the domain's types do not say here.
const words = `
DeskCall.id 来电编号；DeskCall.operator 坐席的账号；DeskCall.caller 来电号码；DeskCall.region 来电人所在地；DeskCall.group 有没有推荐的一组：assisted 有，control 没有
DeskCall.opened 开通的时间；DeskCall.ended 通话结束的时间；DeskCall.closed 办结的时间；DeskCall.version 变更次数；DeskCall.lines 通话文字；DeskCall.settled 其中多少句已经答过
DeskCall.state 会话状态；DeskCall.notes 坐席的记录；DeskCall.adopted 采用的答复；DeskCall.wrap 坐席确认的内容；DeskCall.reviews 质检
DeskLine.id 送来的一方自定的编号；DeskLine.speaker 谁说的：caller 来电人，operator 坐席；DeskLine.text 文字；DeskLine.at 时间
DeskLinesBody.id 送来的一方自定的编号；DeskLinesBody.speaker 谁说的：caller 来电人，operator 坐席；DeskLinesBody.text 文字；DeskLinesBody.at 时间
DeskAdoption.id 编号；DeskAdoption.at 时间；DeskAdoption.status adopted 已采用，pending 待审，approved 审过，refused 未同意；DeskAdoption.themes 主题；DeskAdoption.transfer 转派规则
DeskAdoption.aspect 要素；DeskAdoption.asked 当时检索的话；DeskAdoption.text 指南给出的答复；DeskAdoption.said 坐席改过的答复；DeskAdoption.facts 所依据的事实
DeskAdoption.place 在列表里的位置，0 为单独调出；DeskAdoption.confidence 把握，0 到 1；DeskAdoption.by 谁审的；DeskAdoption.comment 意见
DeskWrap.summary 诉求摘要；DeskWrap.category 诉求类别；DeskWrap.categoryWhy 为什么是这一类；DeskWrap.agency 承办单位；DeskWrap.agencyWhy 为什么是它；DeskWrap.result 办理结果
DeskReview.by 谁评的；DeskReview.at 时间；DeskReview.score 评分，0 到 100；DeskReview.comment 评语
DeskWorkOrder.id 来电编号；DeskWorkOrder.opened 开通的时间；DeskWorkOrder.ended 通话结束的时间；DeskWorkOrder.closed 办结的时间；DeskWorkOrder.operator 坐席的账号
DeskWorkOrder.caller 来电号码；DeskWorkOrder.summary 诉求摘要；DeskWorkOrder.category 诉求类别；DeskWorkOrder.categoryWhy 为什么是这一类；DeskWorkOrder.agencyWhy 为什么是这个承办单位
DeskWorkOrder.result 办理结果；DeskWorkOrder.notes 坐席的记录；DeskWorkOrder.answers 给出的答复；DeskWorkOrder.group 有没有推荐的一组
DeskOrderAnswer.aspect 要素；DeskOrderAnswer.said 说了什么；DeskOrderAnswer.edited 坐席是否改过
DeskSuggestions.group 有没有推荐的一组；DeskSuggestions.asked 检索的话；DeskSuggestions.outcome 结果；DeskSuggestions.say 固定用语；DeskSuggestions.aspect 要素
DeskSuggestions.items 候选；DeskSuggestions.ask 反问；DeskSuggestions.notes 只供坐席的知识；DeskSuggestions.alike 相近的问题；DeskSuggestions.related 相关事项；DeskSuggestions.notices 提示
DeskSuggestions.settings 与答复有关的设置；AskNext.question 问什么；AskNext.replies 可能的回答；Reply.label 回答；Reply.codes 剩下哪些事项
DeskItem.region 地区名称；DeskItem.why 为什么是它；DeskItem.text 答复；DeskItem.facts 所依据的事实；DeskItem.missing 所问的没有公布；DeskItem.confidence 把握，0 到 1
DeskItem.band 把握的档次；DeskItem.bandLabel 档次的叫法；DeskItem.from 生效；DeskItem.to 失效；DeskItem.badge 与期限有关的提示；DeskItem.reviewer 谁发布的；DeskItem.sample 是否示例数据
DeskItem.internal 只供坐席的口径、转派规则和电话；Internal.wording 内部口径；Internal.transfer 转派规则；Internal.phone 内部联系电话
DeskKnowledgeNote.title 标题；DeskKnowledgeNote.badge 与期限有关的提示；DeskRelatedMatter.code 事项的实施编码
DeskGroupFigures.group 哪一组；DeskGroupFigures.calls 来电数；DeskGroupFigures.seconds 通话时长的中位数（秒）；DeskGroupFigures.after 话后时长的中位数（秒）
DeskGroupFigures.answered 已答复的比例；DeskGroupFigures.adopted 平均采用几个；DeskGroupFigures.edited 改过的比例；DeskGroupFigures.score 质检平均分；DeskGroupFigures.reviewed 质检过的来电数
DeskComparison.groups 各组；DeskComparison.gain 有推荐的通话短多少秒；DeskComparison.interval 其 95% 区间；DeskComparison.enough 来电数是否够下结论
DeskSettings.control 一百通里有几通没有推荐，0 到 50；DeskSettings.approve 答复要审的坐席，* 为全部
SuggestionsSettingsStruct.approve 这通来电的答复是否要审
`
