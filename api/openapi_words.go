package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/corpus"
	"github.com/govqa/govqa/nlp"
	"github.com/govqa/govqa/recommend"
)

// finishSchemas adds to the schemas what Go types cannot say: words, the
// values of closed lists, and that no list is ever null.
func (s *Server) finishSchemas() {
	schemas := s.api.OpenAPI().Components.Schemas.Map()
	// huma lists its own form of errors, which translate replaces.
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
	// What only operators may see is taken out of every guide that is sent.
	if guide := schemas["Guide"]; guide != nil {
		delete(guide.Properties, "internal")
		if len(s.cfg.Described) == 0 { // the operators' own operations name it
			delete(schemas, "Internal")
		}
	}
	words := fieldWords(fieldTable)
	for _, d := range s.cfg.Described {
		maps.Copy(words, fieldWords(d.Words))
	}
	for name, schema := range schemas {
		describeFields(name, schema, words)
	}
}

// finishOperations puts the examples of parameters where tools look for them,
// and takes out the type of bodies that huma takes for unread ones.
func (s *Server) finishOperations() {
	for _, item := range s.api.OpenAPI().Paths {
		for _, op := range operationsOf(item) {
			for _, p := range op.Parameters {
				if p.Example == nil && p.Schema != nil && len(p.Schema.Examples) > 0 {
					p.Example, p.Schema.Examples = p.Schema.Examples[0], nil
				}
			}
			if op.RequestBody != nil {
				delete(op.RequestBody.Content, "application/octet-stream")
			}
		}
	}
}

// describeFields finishes one schema.
func describeFields(name string, schema *huma.Schema, words map[string]string) {
	enums := fieldEnums()
	for field, p := range schema.Properties {
		key := name + "." + field
		if p.Description == "" {
			p.Description = words[key]
		}
		if p.Description == "" {
			p.Description = words["*."+field]
		}
		p.Nullable = canBeNull[key]
		p.PatternDescription = "" // has become a message; OpenAPI does not know the word
		setEnum(p, enums[key])
	}
}

// canBeNull lists the only fields that are ever null: those of a form that is
// not ours.
var canBeNull = map[string]bool{"Fault.param": true, "Fault.code": true}

// setEnum closes the list of a property's values, or of its items'.
func setEnum(p *huma.Schema, values []any) {
	if values == nil {
		return
	}
	if p.Items != nil {
		p = p.Items
	}
	p.Enum = values
	p.PrecomputeMessages()
}

func values[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

// texts is values for types made of strings: validation compares plain strings.
func texts[T ~string](list ...T) []any {
	plain := make([]string, len(list))
	for i, v := range list {
		plain[i] = string(v)
	}
	return values(plain)
}

// fieldEnums are the closed lists, by schema and field.
func fieldEnums() map[string][]any {
	generated := texts(answer.ByTemplate, answer.ByLLM, answer.ByCanned)
	return map[string][]any{
		"Answer.outcome":            texts(answer.Outcomes...),
		"Answer.aspect":             texts(nlp.Aspects...),
		"Answer.generatedBy":        generated,
		"Explanation.generatedBy":   generated,
		"StreamMeta.outcome":        texts(answer.Outcomes...),
		"StreamMeta.aspect":         texts(nlp.Aspects...),
		"StreamMeta.generatedBy":    generated,
		"StreamDone.generatedBy":    generated,
		"StreamWording.generatedBy": generated,
		"Action.type":               texts("online", "booking", "call", "map", "complaint"),
		"Recommendation.kind":       texts("next", "bundle", "popular", "season", "renewal", "similar"),
		"ThemeCount.audience":       texts("person", "legal"),
		"EventBody.type":            texts(recommend.ActNames...),
		"MessageBody.kind":          texts(answer.MessageKinds...),
		"MessageStatus.status":      texts(answer.MessageReceived, answer.MessageAnswered),
		"FeedbackBody.reasons":      texts(answer.FeedbackReasons...),
		"Limit.unit":                texts(corpus.Units...),
	}
}

// fieldWords says what each field holds, by schema and field; * stands for
// every schema.
func fieldWords(table string) map[string]string {
	words := map[string]string{}
	for line := range strings.Lines(table) {
		for cell := range strings.SplitSeq(strings.TrimSpace(line), "；") {
			if key, text, ok := strings.Cut(strings.TrimSpace(cell), " "); ok {
				words[key] = text
			}
		}
	}
	return words
}

// sortedKeys lists the keys of m in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// fieldTable has "Schema.field words", several on a line separated by ；.
const fieldTable = `
*.code 事项的实施编码；*.name 名称；*.edition 回答所依据的版次；*.id 编号；*.url 网址；*.updated 更新日期（年-月-日）；*.region 行政区划代码
*.agency 实施主体；*.phone 电话；*.text 文字；*.note 说明；*.basis 依据；*.source 来源；*.reason 推荐的理由

Answer.id 回答的编号，评价时带上；Answer.outcome 结果：回答、请选择、请补充、没有找到、不予回答、转人工、紧急情况、闲聊
Answer.text 给群众看的正文，可能有换行；Answer.generatedBy 正文由谁写成：模板、经事实核对的语言模型、审定的固定用语
Answer.aspect 问的是指南的哪个要素；Answer.matters 回答的事项排第一，请选择、请补充时是备选
Answer.facts 所依据的事实，逐字取自指南；Answer.options 可以点选的下一步；Answer.recommendations 接下来可能要办的事项
Answer.actions 现在就能做的事；Answer.notices 提示，如 sample_data、field_missing、region_not_covered、state_ignored、pii_masked
Answer.confidence 把握，0 到 1；Answer.state 下一个问题原样带回即可接着问；Answer.elapsedMs 用时（毫秒）
MatterRef.region 地区名称；MatterRef.score 相符程度，0 到 1；MatterRef.why 为什么是它；MatterRef.agency 实施主体名称
Fact.code 事项的实施编码，或常见问题、政策文件的编号；FactSource.title 政策文件的名称和文号，办事指南没有；FactSource.place 该条款在本服务页面上的位置，办事指南没有；Fact.field 导入格式的字段名；Fact.label 字段的中文名；Fact.value 原文
Option.label 按钮上的字；Option.text 点选后提的问题；Option.code 选中的事项，接着问时为空
Recommendation.kind 推荐的类别：下一步、一件事、常办、时令、换证、相近；Recommendation.source 主要来自哪个推荐来源
Recommendation.from 由哪个事项引出；Recommendation.support 理由背后的人数，不足 20 人不给；Recommendation.rest 同一件事里的其他事项
Recommendation.switch 关闭个性化的地址；RecommendPage.recommendations 推荐的事项；RecommendPage.personalized 是否读取了本人的经历
RecommendPage.switch 关闭个性化的地址；Recorded.accepted 新记录的条数；Recorded.repeated 先前已有的条数；Recorded.ignored 不记录的条数
Profile.audience 通常以什么身份办事；Profile.minor 是否未成年人；Profile.off 是否关闭了个性化；Profile.agreed 是否同意聊天记录经历
Personal.profile 设置；Personal.events 经历，最新的在前；Erased.events 删除的条数；Erased.at 删除的时间
Event.subject 化名；Event.matter 事项的实施编码；Event.type 做了什么；Event.time 时间；Event.channel 渠道；Event.value 评价的分值
EventBody.subject 化名，不要用证件号、手机号；EventBody.matter 事项的实施编码；EventBody.type 做了什么；EventBody.time 时间，不填为现在
EventBody.channel 渠道，聊天里的写 chat；EventBody.value 评价的分值，负数为不满意
Action.type 动作的类别；Action.label 按钮上的字；Action.url https 网址或 tel 电话
SearchPage.matters 找到的事项；SearchPage.next 下一页的 cursor，没有则为末页；SearchPage.total 共找到多少项，最多计到 100
Suggestions.suggestions 联想的问题；Suggestion.text 完整的问题
Themes.themes 主题；ThemeCount.audience 面向个人（person）或法人（legal）；ThemeCount.matters 现行有效的事项数
Regions.regions 地区；RegionCount.parent 上级行政区划代码；RegionCount.matters 本级事项数，不含上级；RegionCount.code 行政区划代码
Hot.questions 热门问题；HotQuestion.text 问题；HotQuestion.code 回答它的事项
StreamMeta.outcome 结果；StreamMeta.aspect 要素；StreamMeta.generatedBy 正文由谁写成；StreamDelta.text 一句正文；StreamDone.elapsedMs 用时（毫秒）
StreamWording.generatedBy 接下来的正文由谁写成，此前的作废；StreamDone.generatedBy 正文最后由谁写成，与 meta 相同时不出现
StreamDone.aigc 语言模型所写正文的标识；Answer.aigc 语言模型所写正文的标识，别的回答没有；AIGC.label 是否由人工智能生成
AIGC.producer 服务提供者；AIGC.contentId 内容编号，即回答的编号；AIGC.model 模型名称；AIGC.filing 模型备案号
Explanation.policy 政策文件的编号；Explanation.title 标题；Explanation.number 文号；Explanation.passage 原文，一字不差；Explanation.text 平常的说法，或者还是原文
Explanation.generatedBy 说法由谁写成；Explanation.aigc 语言模型所写文字的标识，别的没有
Receipt.number 留言编号，12 位数字；Receipt.code 查询码，8 位数字，只给一次；Receipt.received 收到的时间
MessageStatus.number 留言编号；MessageStatus.kind 类别；MessageStatus.text 内容；MessageStatus.matter 所说事项的编码
MessageStatus.status received 已收到，answered 已答复；MessageStatus.received 收到的时间；MessageStatus.replies 答复，先来的在前
MessageReply.number 留言编号，查询时不出现；MessageReply.agency 答复的机构；MessageReply.time 答复的时间
Problem.type 问题种类的说明地址；Problem.title 给群众看的一句话；Problem.status HTTP 状态码；Problem.detail 具体说明
Problem.instance 请求编号，与 X-Request-ID 相同；Problem.errors 各项内容的问题；FieldProblem.field 哪一项，如 body.text；FieldProblem.message 问题所在

Guide.code 实施编码；Guide.name 事项名称；Guide.shortName 简称；Guide.aliases 日常用语；Guide.parent 主项名称；Guide.situation 办理情形
Guide.kind 事项类型；Guide.process 办件类型；Guide.level 行使层级；Guide.region 行政区划；Guide.audience 服务对象；Guide.themes 主题分类
Guide.scope 通办范围；Guide.related 相关事项的编码；Guide.condition 受理条件；Guide.materials 申请材料；Guide.steps 办理流程
Guide.legalLimit 法定办结时限；Guide.promisedLimit 承诺办结时限；Guide.visits 到办事现场次数；Guide.visitReason 必须现场办理原因
Guide.fee 收费；Guide.places 办理地点；Guide.contact 咨询电话；Guide.complaint 监督投诉电话；Guide.onlineURL 在线办理地址
Guide.mobileURL 移动端办理地址；Guide.bookingURL 预约地址；Guide.channel 办理渠道；Guide.booking 是否支持预约；Guide.express 是否支持物流快递
Guide.agent 是否可代办；Guide.result 审批结果；Guide.validity 有效期；Guide.basis 设定依据；Guide.faqs 常见问题；Guide.effective 生效期间
Agency.code 统一社会信用代码；Agency.name 机构名称；Region.code 行政区划代码；Region.name 行政区划名称
Material.kind 材料类型；Material.form 材料形式；Material.copies 份数；Material.need 必要性；Material.source 来源渠道；Material.note 填报须知
Material.blank 空白表格的网址；Material.sample 示例样表的网址；Material.when 适用情形
Limit.n 数量；Limit.unit 单位；Fee.charged 是否收费；Fee.items 收费项目；FeeItem.amount 金额，照公布的写法
Place.address 地址；Place.hours 办理时间；Basis.number 文号；Basis.article 条款；Basis.text 条文
QA.q 问；QA.a 答；Period.from 从哪天起；Period.to 到哪天止；Source.sample 是否为虚构的演示数据
`
