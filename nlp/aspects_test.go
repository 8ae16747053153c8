package nlp

import (
	"slices"
	"testing"
)

// TestHowAspectsAreAsked has the ways in which citizens ask for each aspect:
// plain, terse, in dialects, in pinyin and mistyped.
func TestHowAspectsAreAsked(t *testing.T) {
	p := parser(t)
	tests := []struct {
		want Aspect // asked most clearly
		text []string
	}{
		{AspectMaterials, []string{
			"办居住证要准备哪些材料", "去补身份证带啥去", "结婚登记要带啥子", "迁户口要咩资料", "低保要交些什么", "护照要带咩文件",
			"残疾证要啥玩意", "过户缺什么材料", "复印件要几份", "要身份证吗", "shenme cailiao", "准生证要什么才料", "开店要哪几样"}},
		{AspectCondition, []string{
			"谁可以享受高龄津贴", "低保够不够条件", "公租房要符合什么", "几岁可以考驾照", "积分入户有啥要求", "边种人可以申请",
			"要交满几年才能退休", "哪些人可以办优待证", "要什么学历", "失业金的申请条件"}},
		{AspectProcedure, []string{
			"开公司怎么个流程", "过户走什么流程", "办准生证先办什么", "居住证咋个办", "低保啷个办", "护照点申请", "zenme ban 居住证",
			"社保怎么转", "医保怎么注销", "公积金怎么搞"}},
		{AspectTimeLimit, []string{
			"护照几耐攞到", "身份证要好久", "办照要等几天", "营业执照啥时候下来", "社保卡几个工作天", "居住证多就能拿", "审批多久",
			"准生证当天能拿吗", "驾照多长时间能补好", "大概多久", "duo jiu能拿", "要几个月下来", "不动产证最快几天"}},
		{AspectFee, []string{
			"补身份证几多蚊", "办护照要花钱吗", "公证好多钱", "考证收什么费", "居住证免费吗", "要交钱不", "补证贵不贵", "duoshaoqian",
			"使唔使钱", "工本费多少", "价格是多少", "办证要钱么"}},
		{AspectLocation, []string{
			"去边办居住证", "社保卡在哪嘎达办", "到哪领准考证", "上哪申请低保", "在哪个窗口办", "几号窗口", "离我最近的车管所怎么走",
			"地址在哪里", "残疾证去哪块办", "响边度搞", "去哪儿交社保", "材料寄到哪"}},
		{AspectHours, []string{
			"窗口几点返工", "礼拜天开不开门,礼拜天上班吗", "周六周日办不办,周末有人吗", "中午有人吗", "国庆能办吗", "下午几点关门", "啥时候上班",
			"星期几上班", "节假日上班不"}},
		{AspectPhone, []string{
			"社保局电话号码", "有没有电话", "打边个电话", "怎么打电话问", "联系谁", "dianhua多少", "人工客服怎么转", "座机号多少"}},
		{AspectComplaint, []string{
			"窗口不给办怎么投诉", "故意刁难找谁投诉", "点投诉", "监督电话几号", "怎么举报", "投诉热线是多少"}},
		{AspectProgress, []string{
			"我的护照制好没", "批下来没", "搞掂未", "交了材料没下文", "审核通过没", "查办件", "走到哪一步", "等了好久没动静", "dao na le"}},
		{AspectOnline, []string{
			"网上搞得掂吗,网上搞", "微信上能办吗", "支付宝可以交吗", "有没有app", "哪个小程序能约", "在家里办行吗", "上网办得了吗", "手机上怎么弄",
			"发个链接", "什么平台申请"}},
		{AspectAgent, []string{
			"让我妈去行不行", "儿子去办可以吗", "本人来不了", "要写委托书吗", "使唔使本人去", "走不动的老人怎么办证", "必须本人吗", "叫人领可以不"}},
		{AspectCrossRegion, []string{
			"人在外地回不去", "不用回老家吧", "在外省打工能补身份证吗", "跨省可以办吗", "使唔使返乡下", "全国都能办吗", "别的市能办不"}},
		{AspectForms, []string{
			"申请书怎么写", "委托书范本", "去哪拿表", "电子表发我", "表点填", "申请表下载", "有模板吗"}},
		{AspectVisits, []string{
			"要跑几回", "去一趟够吗", "一次能办完吗", "使唔使去现场", "不用跑吧", "要走几趟", "要去窗口吗"}},
		{AspectResult, []string{
			"有效期限多长", "能用几年", "证多久换一次", "办好发啥证", "能快递到家吗", "可以寄给我吗", "是电子证还是纸的", "管几年", "会不会过期"}},
		{AspectBasis, []string{
			"根据哪条法律", "按什么规定收的", "有没有文件", "凭啥要这个", "依据哪个文件", "谁规定的"}},
		{AspectDefinition, []string{
			"容缺受理系咩", "减容是啥子意思", "什么叫趸缴", "有什么区别", "增项是干嘛的", "解释一下", "告知承诺是什么"}},
		{AspectDepartment, []string{
			"这事边个管", "归哪个部门", "属于哪个单位管", "谁发证", "民政局还是社区", "由哪个局批", "找哪个部门", "啥部门负责"}},
		{AspectAudience, []string{
			"个体户可以不", "单位能申请吗", "小公司能办吗", "个人行不行", "适用对象", "什么企业可以报", "自然人可以吗"}},
		{AspectOverview, []string{"居住证", "二级建造师增项注册", "搬迁航标"}},
	}
	n := 0
	for _, tt := range tests {
		for _, text := range tt.text {
			n++
			if q := p.Parse(text); q.Aspect() != tt.want {
				t.Errorf("%q: %v, want %s first", text, q.Aspects, tt.want)
			}
		}
	}
	if n < 150 {
		t.Errorf("%d sentences, want at least 150", n)
	}
}

// TestSituationsDoNotHideInOtherWords has the words in which the characters
// of a situation mean something else.
func TestSituationsDoNotHideInOtherWords(t *testing.T) {
	lex := parser(t).Lexicon
	bit := func(name string) SituationSet {
		i := slices.Index(lex.SituationNames, name)
		if i < 0 {
			t.Fatalf("no situation %s", name)
		}
		return 1 << i
	}
	tests := []struct{ situation, text string }{
		{"prolong", "要什么手续"}, {"prolong", "继续教育学时"}, {"build", "给政府提建议"}, {"build", "材料要盖章吗"},
		{"found", "开具纳税证明"}, {"found", "信息公开"}, {"found", "图书馆开放时间"}, {"refund", "企业职工退休"}, {"refund", "退役军人报到"},
		{"refund", "退伍军人"}, {"lookup", "安全检查"}, {"lookup", "土地调查奖励"}, {"money", "补证要多少钱"}, {"certificate", "要什么证明"},
		{"advice", "我想咨询一下护照"}, {"dispute", "裁判员等级"}, {"booking", "合同签约"}, {"demolish", "拆封检验"}, {"pause", "几点休息"},
		{"exam", "参考资料"}, {"individual", "可以自己去吗"}, {"complaint", "广告牌"},
	}
	for _, tt := range tests {
		if lex.AskedSituations(Bigrams{}, tt.text)&bit(tt.situation) != 0 {
			t.Errorf("%q says %s", tt.text, tt.situation)
		}
	}
	named := []struct{ situation, name string }{
		{"lost", "人民调解员补贴发放"}, {"lost", "一次性伤残补助金"}, {"refund", "职工提前退休申请"}, {"refund", "退役军人接收预报到"},
		{"record", "环境影响报告书审批"}, {"damaged", "交换档案复制件"},
	}
	for _, tt := range named {
		if lex.Situations(Bigrams{}, tt.name)&bit(tt.situation) != 0 {
			t.Errorf("the name %q says %s", tt.name, tt.situation)
		}
	}
}

func TestSituationsAgree(t *testing.T) {
	lex := parser(t).Lexicon
	tests := []struct{ asked, name string }{
		{"结婚证找不到了", "补领结婚证"}, {"驾照快过期", "机动车驾驶证期满换证"}, {"保安证烂了", "损毁换发保安员证"},
		{"刚考过怎么注册", "二级注册建造师初始注册"}, {"浮标挪到下游", "搬迁航标审批"}, {"码头拆了", "拆除固定建筑物"},
		{"二建转单位", "聘用企业变更"}, {"药店药师离职了", "执业药师注销注册"}, {"电表先拆", "用电服务暂拆"},
		{"装回电表", "用电服务暂拆恢复"}, {"养殖证续几年", "水域滩涂养殖证延期"}, {"社保断交想补交", "社会保险费断缴补缴申报"},
		{"水渠完工", "水利工程竣工验收"}, {"证上名字写错", "更正职业资格证书信息"}, {"大件运到外省", "超限运输车辆跨省行驶公路"},
		{"少交点海域使用金", "海域使用金减免审批"}, {"想提前退休", "职工提前退休申请"}, {"代开的票开错了", "代开发票作废"},
		{"工地临时用电", "临时用电延期"}, {"约个时间领证", "结婚登记预约"}, {"查名单", "旅行社名录发布"},
		{"评残不服", "劳动能力再次鉴定申请"}, {"股份押给银行", "股权质押登记"}, {"开个公司", "有限责任公司设立登记"},
	}
	for _, tt := range tests {
		if lex.AskedSituations(Bigrams{}, tt.asked)&lex.Situations(Bigrams{}, tt.name) == 0 {
			t.Errorf("%q and %q have no situation in common", tt.asked, tt.name)
		}
	}
}
