package guard

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/govqa/govqa/nlp"
)

// One row for each way in which people write it: the text, what Mask makes of
// it, and the kinds found.
func TestMask(t *testing.T) {
	for _, row := range []struct {
		text, want string
		kinds      []Kind
	}{
		{"我的身份证440101199001011234丢了", "我的身份证******************丢了", []Kind{IDNumber}},
		{"身份证11010519491231002X", "身份证******************", []Kind{IDNumber}},
		{"身份证 440101 19900101 1235 怎么补", "身份证 ****************** 怎么补", []Kind{IDNumber}},
		{"老身份证440101900101123", "老身份证***************", []Kind{IDNumber}},
		{"４４０１０１１９９００１０１１２３４", "******************", []Kind{IDNumber}},
		{"打138-0013-8000", "打***********", []Kind{Phone}},
		{"+86 138 0013 8000", "*************", []Kind{Phone}},
		{"008613800138000", "***************", []Kind{Phone}},
		{"电话幺三八零零幺三八零零零", "电话***********", []Kind{Phone}},
		{"手机一三八，零零一三，八零零零", "手机***********", []Kind{Phone}},
		{"手机13八0013八000", "手机***********", []Kind{Phone}},
		{"工行卡6222 0212 3456 7890 123", "工行卡*******************", []Kind{BankCard}},
		{"卡号6225880123456789能绑吗", "卡号****************能绑吗", []Kind{BankCard}},
		{"护照E12345678丢了", "护照*********丢了", []Kind{Passport}},
		{"护照EA1234567过期", "护照*********过期", []Kind{Passport}},
		{"通行证C12345678", "通行证*********", []Kind{Passport}},
		{"回乡证H1234567800", "回乡证***********", []Kind{Passport}},
		{"粤A12345违章", "*******违章", []Kind{Plate}},
		{"我的车牌粤B·D12345", "我的车牌********", []Kind{Plate}},
		{"发我邮箱 zhang.san@example.com 谢谢", "发我邮箱 ****************** 谢谢", []Kind{Email}},
		{"加我微信zhangsan_88", "加我微信**********", []Kind{Account}},
		{"QQ号是1234567", "qq号是*******", []Kind{Account}},
		{"我家住中山路12号3栋501室", "我家住************", []Kind{Address}},
		{"地址：阳光花园3栋2单元501", "地址:************", []Kind{Address}},
		{"我叫李小明，想办居住证", "我叫***,想办居住证", []Kind{Name}},
		{"姓名：王芳 电话13800138000", "姓名:** 电话***********", []Kind{Name, Phone}},
		{"我住天河区体育西路103号维多利广场A座1203", "我住**********************", []Kind{Address}},
		{"家住幸福小区5栋2单元301室", "家住*************", []Kind{Address}},
		{"住址：广州市越秀区北京路233号", "住址:*************", []Kind{Address}},
		{"我叫欧阳娜娜", "我叫****", []Kind{Name}},
		{"我是张伟，想查社保", "我是**,想查社保", []Kind{Name}},
		{"我是农民，想办低保", "我是农民,想办低保", nil},
		{"本人张三丰 电话13912345678", "本人*** 电话***********", []Kind{Name, Phone}},
		{"受理号44010120260301000123", "受理号********************", []Kind{Number}},
		{"电话83134747", "电话********", []Kind{Number}},

		{"拨打12345还是12333", "拨打12345还是12333", nil},
		{"95588和96110是哪里的电话", "95588和96110是哪里的电话", nil},
		{"020-83134747是哪个窗口", "020-83134747是哪个窗口", nil},
		{"400-820-8820打不通", "400-820-8820打不通", nil},
		{"2026-01-02之前办", "2026-01-02之前办", nil},
		{"2024-2026年度", "2024-2026年度", nil},
		{"注册资本1000000元", "注册资本1000000元", nil},
		{"护照要10天还是30天", "护照要10天还是30天", nil},
		{"一九九零年一月生的几岁退休", "一九九零年一月生的几岁退休", nil},
		{"粤府办〔2025〕66号", "粤府办〔2025〕66号", nil},
		{"天河路1号的政务中心几点下班", "天河路1号的政务中心几点下班", nil},
		{"姓名和身份证不一致", "姓名和身份证不一致", nil},
		{"这个证我叫不出名字", "这个证我叫不出名字", nil},
		{"AL-JZ-002", "al-jz-002", nil},
		{"11441200007026143Y4442011732003", "11441200007026143y4442011732003", nil},
		{"", "", nil},
	} {
		var kinds []Kind
		for _, p := range Find(nlp.Normalize(row.text)) {
			kinds = append(kinds, p.Kind)
		}
		if got := Mask(row.text); got != row.want {
			t.Errorf("Mask(%q) = %q, want %q", row.text, got, row.want)
		}
		if diff := cmp.Diff(row.kinds, kinds); diff != "" {
			t.Errorf("%q (-want +got):\n%s", row.text, diff)
		}
	}
}

func TestStrip(t *testing.T) {
	for _, row := range []struct {
		text, want string
		had        bool
	}{
		{"我的身份证440101199001011234丢了怎么补", "我的身份证 丢了怎么补", true},
		{"联系电话：13800138000，居住证怎么办", ",居住证怎么办", true},
		{"我的手机号是138-0013-8000", "我的", true},
		{"13800138000", "", true},
		{"居住证  怎么办", "居住证  怎么办", false},
	} {
		if got, had := Strip(row.text); got != row.want || had != row.had {
			t.Errorf("Strip(%q) = %q, %v", row.text, got, had)
		}
	}
}

func FuzzMask(f *testing.F) {
	for _, s := range []string{"440101199001011234", "138-0013-8000", "１３８００１３８０００", "a1 2 3 4 5 6b", "粤b·12345", "我叫李", "a@b", "路1号2栋3室", "\xff1", "幺三八零零一三八零零零"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Mask(s)
		if !utf8.ValidString(once) {
			t.Fatalf("Mask(%q) = %q", s, once)
		}
		if twice := Mask(once); twice != once {
			t.Fatalf("Mask(%q) = %q, again %q", s, once, twice)
		}
		if found := Find(once); len(found) > 0 {
			t.Fatalf("Mask(%q) = %q still has %v", s, once, found)
		}
	})
}
