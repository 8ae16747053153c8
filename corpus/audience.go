package corpus

import "strings"

// An Audience (服务对象) is a class of applicants, by its name in GB/T 39554.
type Audience string

// The classes of applicants.
const (
	Person         Audience = "自然人"
	Enterprise     Audience = "企业法人"
	Institution    Audience = "事业法人"
	SocialBody     Audience = "社会组织法人"
	Unincorporated Audience = "非法人企业"
	Administration Audience = "行政机关"
	OtherBody      Audience = "其他组织"
)

// Audiences lists the classes in the order of the standard's codes.
var Audiences = []Audience{Person, Enterprise, Institution, SocialBody, Unincorporated, Administration, OtherBody}

// ParseAudience returns the class that s names in an export or a request:
// its name, or 个人, 企业, 法人 and the like.
func ParseAudience(s string) (Audience, bool) {
	s = strings.TrimSpace(s)
	for _, a := range Audiences {
		if s == string(a) {
			return a, true
		}
	}
	switch s {
	case "个人", "公民", "群众", "居民", "person":
		return Person, true
	case "企业", "法人", "公司", "单位", "enterprise":
		return Enterprise, true
	case "事业单位":
		return Institution, true
	case "社会组织", "社会团体", "社团法人":
		return SocialBody, true
	case "个体工商户", "非法人组织":
		return Unincorporated, true
	case "机关":
		return Administration, true
	case "其他":
		return OtherBody, true
	}
	return "", false
}

// An AudienceSet is a set of audiences, one bit each in the order of
// [Audiences]. The empty set means that nobody has said, and fits everyone.
type AudienceSet uint8

// AudienceSetOf returns the set of as; names it does not know are left out.
func AudienceSetOf(as []Audience) AudienceSet {
	var set AudienceSet
	for _, a := range as {
		for i, known := range Audiences {
			if a == known {
				set |= 1 << i
			}
		}
	}
	return set
}

// Fits reports whether a matter for set is open to the classes of who. Either
// being unknown fits.
func (set AudienceSet) Fits(who AudienceSet) bool {
	return set == 0 || who == 0 || set&who != 0
}

// A Theme (主题分类) is a subject under which portals list matters, by its
// name in the national dictionary.
type Theme string

// PersonThemes lists the themes of matters for natural persons.
var PersonThemes = []Theme{
	"生育收养", "户籍办理", "民族宗教", "教育科研", "入伍服役", "就业创业", "设立变更", "准营准办", "抵押质押", "职业资格",
	"行政缴费", "婚姻登记", "优待抚恤", "规划建设", "住房保障", "社会保障", "证件办理", "交通出行", "旅游观光", "出境入境",
	"消费维权", "公共安全", "司法公证", "知识产权", "环保绿化", "文化体育", "公用事业", "医疗卫生", "离职退休", "死亡殡葬",
	"其他",
}

// LegalPersonThemes lists the themes of matters for legal persons.
var LegalPersonThemes = []Theme{
	"设立变更", "准营准办", "资质认证", "年检年审", "税收财务", "人力资源", "社会保障", "投资审批", "融资信贷", "抵押质押",
	"商务贸易", "招标拍卖", "海关口岸", "涉外服务", "农林牧渔", "国土和规划建设", "交通运输", "环保绿化", "应对气候变化",
	"水务气象", "医疗卫生", "科技创新", "文体教育", "知识产权", "民族宗教", "质量技术", "检验检疫", "安全生产", "公安消防",
	"司法公证", "公用事业", "法人注销", "档案文物", "其他",
}
