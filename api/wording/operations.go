package wording

import (
	"net/http"

	"github.com/govqa/govqa/answer"
	"github.com/govqa/govqa/answer/llm"
	"github.com/govqa/govqa/api"
	"github.com/govqa/govqa/corpus/store"
)

// Description describes the operations for the OpenAPI document.
func Description() api.Description {
	const tag = "语言模型"
	off := false
	status := Status{Channels: []ChannelState{{Channel: answer.ChannelAPI, On: true}, {Channel: answer.ChannelCompat}}}
	drafts := draftReply{Drafts: llm.Drafts{Similar: []string{"身份证找不到了怎么办"}}, Saved: []store.DraftInfo{}}
	return api.Description{Tag: tag, TagWords: "语言模型的开关与起草", Words: words, Operations: []api.Operation{
		{ID: "model", Method: http.MethodGet, Path: pathStatus, Tag: tag, Scope: "admin", Staff: true, Summary: "语言模型的状态",
			Description: "有没有配置语言模型，各渠道的开关，启动以来的用量。", Reply: status},
		{ID: "switch-model", Method: http.MethodPut, Path: pathStatus, Tag: tag, Scope: "admin", Staff: true, Summary: "开关语言模型",
			Description: "一个渠道或全部渠道，立即生效，记入审计。", Body: turnBody{Channel: answer.ChannelAPI, On: &off}, Reply: status,
			Problems: []int{http.StatusUnprocessableEntity}},
		{ID: "model-drafts", Method: http.MethodPost, Path: pathDrafts, Tag: tag, Scope: "content", Staff: true, Summary: "由语言模型起草",
			Description: "从政策文件起草问答或指南，或为一条问答起草相似问法。起草的内容只作草稿，须人工核对、审核后才能发布。",
			Body:        draftBody{Kind: "similar", FAQ: "AL-FAQ-001"}, Reply: drafts,
			Problems: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusBadGateway, http.StatusServiceUnavailable}},
	}}
}

// words says what the fields hold.
const words = `
WordingStatus.configured 有没有配置语言模型；WordingStatus.aigc 它的标识；WordingStatus.channels 各渠道的开关；WordingStatus.use 启动以来的用量
WordingChannelState.channel 渠道；WordingChannelState.on 是否开着；WordingChannelState.since 从什么时候关的；WordingChannelState.by 谁关的
LlmUse.results 调用的结果各多少次；LlmUse.hourTokens 一小时内的词元数；LlmUse.hourYuan 一小时内的费用（元）；LlmUse.running 正在进行的调用
LlmUse.breaker 熔断：closed 正常，half-open 试探，open 暂停
WordingTurnBody.channel 渠道，不填为全部；WordingTurnBody.on 开还是关
WordingDraftBody.kind similar 相似问法，faq 问答，guide 指南；WordingDraftBody.policy 政策文件的编号；WordingDraftBody.faq 常见问题的编号
WordingDraftBody.text 政策原文里的一段，不填为全文；WordingDraftBody.save 是否存为草稿
WordingDraftReply.faqs 起草的问答；WordingDraftReply.guide 起草的指南；WordingDraftReply.similar 起草的相似问法
WordingDraftReply.dropped 原文不支持而去掉的条数；WordingDraftReply.aigc 标识；WordingDraftReply.saved 存下的草稿
AIGC.label 总为 true；AIGC.producer 服务的提供者；AIGC.contentId 回答的编号；AIGC.model 模型名称；AIGC.filing 模型的备案号
StoreDraftInfo.Key 记录的类型和编号；StoreDraftInfo.Title 名称；StoreDraftInfo.Version 变更次数；StoreDraftInfo.State 状态；StoreDraftInfo.Remove 是否删除这条记录
StoreDraftInfo.Actor 谁存的；StoreDraftInfo.Time 时间；StoreDraftInfo.Base 依据的版次；StoreDraftInfo.Note 缘由；StoreDraftInfo.Editors 改过的人
StoreDraftInfo.Reviewer 审核人；StoreDraftInfo.Reviewed 审核时间；StoreDraftInfo.Remark 意见；StoreDraftInfo.At 定时发布的时间；StoreDraftInfo.Planner 谁定的时；StoreDraftInfo.Batch 随哪次导入而来
Key.Type 记录类型；Key.ID 编号
FAQ.id 编号；FAQ.question 问题；FAQ.similar 相似问法；FAQ.answer 答复；FAQ.matter 所属事项的编码；FAQ.visibility 谁看得到；FAQ.counter 反例：不归它答的说法；FAQ.type 总为 faq
FAQ.agency 实施主体；FAQ.region 行政区划；FAQ.themes 主题；FAQ.effective 生效期间；FAQ.source 来源
`
