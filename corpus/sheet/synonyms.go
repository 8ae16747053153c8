package sheet

import "strings"

// synonyms is the table of headers: for each field the headers under which
// departments export it, the preferred first, because a sheet may hold several
// (实施主体 and 受理机构) and the first that is filled wins. The column names
// of the national exchange tables (ZWFW C0109) and the keys of the import
// format are among them; a field also recognises its own name.
var synonyms = []struct{ field, headers string }{
	{"code", "事项编码 编码 code 事项编号 政务服务事项编码 事项代码"},
	{"code.item", "业务办理项编码 办理项编码 task_handle_item taskhandleitem handleItemCode"},
	{"code.task", "实施编码 实施清单编码 事项实施编码 权力内部编码 内部编码 ITEM_ID task_code taskCode ITEM_CODE 地方实施编码 local_task_code"},
	{"code.catalog", "基本编码 权力基本码 权力基本编码 事项基本编码 国家基本编码 catalog_code catalogCode 地方基本编码 local_catalog_code"},
	{"code.guid", "记录唯一标识 唯一标识 事项唯一标识 row_guid task_guid UUID GUID 事项ID"},
	{"name", "业务办理项名称 办理项名称 事项名称 实施清单名称 权力名称 服务事项 服务事项名称 政务服务事项名称 CATANAME task_name item_name"},
	{"shortName", "简称 事项简称 short_name"},
	{"aliases", "日常用语 别名 俗称 通俗名称 常用名 同义词"},
	{"parent", "主项名称 主项 大项名称 主事项名称 父项名称 catalog_name"},
	{"situation", "办理情形 情形名称 情形"},
	{"kind", "事项类型 权力类型 事项类别 权力类别 职权类型 task_type"},
	{"process", "办件类型 事项审查类型 审查类型 project_type"},
	{"level", "行使层级 行政层级 权力层级 use_level"},
	{"agency.name", "实施主体 实施主体名称 实施机构 实施部门 实施单位 部门名称 所属部门 部门 dept_name 办理机构 受理机构 决定机构 agency"},
	{"agency.code", "实施主体编码 实施主体代码 统一社会信用代码 部门编码 部门代码 dept_code"},
	{"region", "行政区划 区划 所属区划 区县 所属区域 地区 area region"},
	{"region.code", "行政区划代码 行政区划编码 区划代码 区划编码 area_code areaCode region_code"},
	{"region.name", "行政区划名称 区划名称 area_name areaName region_name"},
	{"audience", "服务对象 服务对象类型 申请主体 办理对象 申请对象 面向对象 server_type"},
	{"themes", "主题分类 主题 事项主题 所属主题 主题名称 地方特色主题分类"},
	{"themes.person", "面向自然人主题分类 面向自然人事项主题分类 自然人主题分类 个人主题分类 user_topic_type"},
	{"themes.corp", "面向法人主题分类 面向法人事项主题分类 法人主题分类 corp_topic_type"},
	{"scope", "通办范围 handle_area"},
	{"related", "相关事项编码 相关事项 关联事项"},
	{"condition", "受理条件 申请条件 办理条件 准予批准的条件 准予批准条件 许可条件 accept_condition"},
	{"materials", "申请材料 材料信息 申报材料 所需材料 办理材料 材料清单 材料目录 提交材料"},
	{"steps", "办理流程 办理程序 办理环节 流程 窗口办理流程 网上办理流程 线下办理流程 handle_flow 办理流程说明"},
	{"legalLimit", "法定办结时限 法定期限 法定时限 法定办理时限 anticipate_day"},
	{"legalLimit.unit", "法定办结时限单位 法定时限单位 法定期限单位 anticipate_type"},
	{"legalLimit.note", "法定办结时限说明 法定时限说明 法定期限说明 anticipate_explain anticipate_day_explain"},
	{"promisedLimit", "承诺办结时限 承诺期限 承诺时限 承诺办理时限 办结时限 办理时限 办理期限 promise_day"},
	{"promisedLimit.unit", "承诺办结时限单位 承诺时限单位 承诺期限单位 办结时限单位 办理时限单位 promise_type"},
	{"promisedLimit.note", "承诺办结时限说明 承诺时限说明 承诺期限说明 办理时限说明 promise_explain promise_day_explain"},
	{"visits", "到办事现场次数 到现场次数 跑动次数 最多跑动次数 到场次数 跑腿次数 limit_scene_num"},
	{"visitReason", "必须现场办理原因说明 必须现场办理原因 必须到现场原因 到现场原因 limit_scene_explain"},
	{"fee.charged", "是否收费 是否收取费用 收费与否 is_fee is_charge"},
	{"fee.name", "收费项目名称 收费项目 收费名称 fee_name charge_item_name"},
	{"fee.amount", "收费标准 收费金额 收费情况 费用标准 收费 fee fee_stand fee_standard"},
	{"fee.basis", "收费依据 收费文件 fee_basis charge_basis"},
	{"place.name", "办事大厅 大厅名称 办事窗口 窗口名称 办理窗口 办理大厅 办理地点名称 大厅或窗口"},
	{"place.where", "办理地点 办事地点 受理地点 transact_addr transact_address places"},
	{"place.address", "具体地址 详细地址 办理地址 办公地址 办事地址 地址"},
	{"place.hours", "办理时间 办公时间 工作时间 受理时间 办事时间 接件时间 transact_time"},
	{"place.phone", "窗口电话 办理地点电话 大厅电话"},
	{"contact", "咨询方式 咨询电话 联系电话 咨询途径 联系方式 电话 link_way link_phone"},
	{"complaint", "监督投诉方式 监督投诉电话 投诉电话 监督电话 投诉方式 监督投诉 supervise_way supervise_phone"},
	{"onlineURL", "在线办理地址 在线办理跳转地址 网上办理地址 在线办理链接 网办地址 在线申办地址 计算机端在线办理跳转地址 link_addr"},
	{"mobileURL", "移动端办理地址 移动端在线办理跳转地址 手机办理地址 移动端地址 mobile_terminal_url"},
	{"bookingURL", "预约地址 预约链接 网上预约地址 booking_url"},
	{"channel", "办理渠道 办理系统 办理形式 办理方式 handle_type"},
	{"booking", "是否支持预约办理 是否支持预约 是否预约 是否可预约 可否预约 支持预约 is_booking is_order"},
	{"express", "是否支持物流快递 是否物流快递 是否快递 可否快递 物流快递 支持快递 is_express is_delivery"},
	{"agent", "是否可代办 是否支持代办 可否代办 是否代办 是否允许代办"},
	{"result", "审批结果名称 审批结果 办理结果名称 结果名称 办理结果 result_name"},
	{"validity", "有效期 有效期限 审批结果有效期 证照有效期 结果有效期"},
	{"basis", "设定依据 法律依据 实施依据 办理依据 政策依据 依据 by_law"},
	{"basis.name", "法规名称 法律法规名称 依据名称 法律名称 law_name"},
	{"basis.number", "依据文号 法规文号 文号 law_number"},
	{"basis.article", "条款号 依据条款 条款 law_article"},
	{"basis.text", "条款内容 依据内容 依据条款内容 law_content"},
	{"internal.wording", "内部口径 坐席口径 话务口径"},
	{"internal.transfer", "转派规则 派单规则 转办规则"},
	{"internal.phone", "内部联系电话 内部电话"},
	{"faqs", "常见问题 常见问题解答 问答 常见问答"},
	{"faq.id", "问题编号 问题ID FAQ编号 知识编号 知识ID 问答编号 faq_id id 编号"},
	{"faq.question", "标准问题 标准问 标准问法 问题 问题标题 提问 question q"},
	{"faq.similar", "相似问题 相似问 相似问法 扩展问 扩展问法 相似说法 similar"},
	{"faq.counter", "反例问 反例问题 排除问 counter"},
	{"faq.answer", "标准答案 答案 回复 回复内容 解答 回答 答复 answer a"},
	{"faq.matter", "关联事项编码 所属事项编码 对应事项编码 所属事项 matter"},
	{"visibility", "可见范围 公开范围 知识可见范围"},
	{"material.name", "材料名称 申请材料名称 申报材料名称 material_name"},
	{"material.kind", "材料类型 原件或复印件 材料类别 material_type"},
	{"material.form", "材料形式 材料介质 material_form"},
	{"material.copies", "纸质材料份数 材料份数 份数 page_num"},
	{"material.originals", "原件份数 纸质材料原件份数 原件数量 original_num"},
	{"material.duplicates", "复印件份数 纸质材料复印件份数 复印件数量 copy_num"},
	{"material.need", "材料必要性 是否必要 是否必需 必要性 材料是否必要 is_need"},
	{"material.source", "来源渠道 材料来源 材料来源渠道 source_type"},
	{"material.note", "填报须知 材料填报须知 填写须知 材料说明 fill_explain"},
	{"material.blank", "空白表格 空表 空白表格地址 空白表格下载 form_guid"},
	{"material.sample", "示例样表 样表 示例样表地址 样例 example_guid"},
	{"material.when", "适用情形 材料适用情形 情形条件"},
	{"step.name", "环节名称 环节 办理步骤 步骤 步骤名称"},
	{"step.text", "办理内容 环节说明 环节内容 步骤说明 审查标准"},
	{"effective.from", "生效日期 计划生效日期 实施日期 有效期起 plan_effective_date"},
	{"effective.to", "失效日期 计划取消日期 有效期止 截止日期 plan_cancel_date"},
	{"source.url", "来源地址 来源网址 来源链接 办事指南地址 指南地址 详情链接 url source_url"},
	{"source.updated", "更新日期 来源更新日期 更新时间 最后更新时间 修改时间 update_time updated"},
}

// sectionSynonyms are headers that mean something only inside a section: under
// a merged heading or in a sheet of that name.
var sectionSynonyms = []struct {
	section section
	field   string
	headers string
}{
	{secMaterial, "material.name", "名称 材料 材料名 申请材料 材料信息"},
	{secMaterial, "material.kind", "类型 原件复印件"},
	{secMaterial, "material.form", "形式 介质"},
	{secMaterial, "material.copies", "数量 份数"},
	{secMaterial, "material.need", "是否必须 必要"},
	{secMaterial, "material.source", "来源"},
	{secMaterial, "material.note", "说明 备注 须知 要求"},
	{secMaterial, "material.when", "情形 办理情形 情形名称"},
	{secFee, "fee.name", "名称 项目 项目名称 费用名称"},
	{secFee, "fee.amount", "标准 金额 费用"},
	{secFee, "fee.basis", "依据"},
	{secPlace, "place.name", "名称 窗口 大厅 地点名称"},
	{secPlace, "place.where", "地点"},
	{secPlace, "place.address", "地址"},
	{secPlace, "place.hours", "时间"},
	{secPlace, "place.phone", "电话 联系电话 咨询电话 联系方式"},
	{secBasis, "basis.name", "名称 依据 设定依据 法律依据"},
	{secBasis, "basis.number", "文号"},
	{secBasis, "basis.article", "条款"},
	{secBasis, "basis.text", "内容 条文 正文"},
	{secStep, "step.name", "名称"},
	{secStep, "step.text", "内容 说明"},
	{secQA, "faq.question", "常见问题 问"},
	{secQA, "faq.answer", "答 内容"},
}

// sectionNames are the words by which the name of a sheet or a heading tells
// its section.
var sectionNames = []struct {
	section section
	words   []string
}{
	{secMaterial, []string{"材料", "material"}},
	{secQA, []string{"常见问题", "问答", "常见问答", "faq"}},
	{secFee, []string{"收费", "费用", "fee"}},
	{secPlace, []string{"地点", "窗口信息", "大厅", "place"}},
	{secBasis, []string{"依据", "basis"}},
	{secStep, []string{"流程", "环节", "step"}},
}

// fieldSection tells to which repeating section a field belongs.
func fieldSection(field string) section {
	switch prefix, _, _ := strings.Cut(field, "."); prefix {
	case "material", "basis", "place", "step":
		if strings.Contains(field, ".") {
			return section(prefix)
		}
	case "faq":
		if field == "faq.question" || field == "faq.answer" {
			return secQA
		}
	case "fee":
		if field != "fee.charged" && strings.Contains(field, ".") {
			return secFee
		}
	}
	return secNone
}

// codeFields are the fields that can be the code of a guide, the most exact
// first: a 业务办理项 is what a citizen applies for.
var codeFields = []string{"code", "code.item", "code.task", "code.catalog"}

// keyFields are the fields by which a sub-sheet can name its guide.
var keyFields = append([]string{"code.guid"}, codeFields...)

// dropped are headers of columns that number the rows of the sheet.
var dropped = []string{"序号", "no", "no.", "行号", "#"}
