use super::*;

const A: &str = r#""bindNum":"+8613800000001","virtualNum":"+8617000000001""#;

fn fields(members: &str) -> Fields {
    Fields::from_json(format!("{{{members}}}").as_bytes()).unwrap()
}

fn bind(more: &str) -> Result<AxeBind, Unreadable> {
    axe_bind(&fields(&format!("{A}{more}")), 4, 0).map(|(_, bind)| bind)
}

fn refused(result: Result<AxeBind, Unreadable>) -> (ResultCode, String) {
    let unreadable = result.unwrap_err();
    (unreadable.code, unreadable.what)
}

#[test]
fn a_bind_is_read_in_the_spellings_that_clients_use() {
    let strict = bind(
        r#","timeUnit":"1","bindExpiredTime":60,"callbackExpiredTime":30,"recordFlag":"true","displayNumMode":"1""#,
    );
    let loose = bind(
        r#","timeUnit":1,"bindExpiredTime":"60","callbackExpiredTime":30.0,"recordFlag":true,"displayNumMode":1,
        "callbackTone":null,"callbackNum":"","extendNum":"","maxDuration":"no matter","legacy":[1]"#,
    );
    assert_eq!(loose, strict);
    let bind = strict.unwrap();
    assert_eq!((bind.unit, bind.life, bind.callback), (Some(TimeUnit::Minutes), Some(60), Some(30)));
    assert!(bind.terms.record && bind.shows_caller);
}

#[test]
fn an_extension_is_read_with_its_zeros_and_must_have_the_digits_of_the_app() {
    let extension = |json: &str| bind(&format!(",\"extendNum\":{json}")).map(|bind| bind.extension);
    assert_eq!(extension("\"0042\""), Ok(Extension::parse("0042")));
    assert_eq!(extension("1234"), Ok(Extension::parse("1234")));
    assert_eq!(extension("null"), Ok(None));
    for json in ["\"42\"", "42", "\"00042\"", "\"0000\"", "\"abcd\"", "\"-042\""] {
        assert_eq!(extension(json).unwrap_err().what, "extendNum must be 0001 to 9999.", "{json}");
    }
    let with_area = r#""bindNum":"+8613800000001","areaCode":"0755","extendNum":"nonsense""#;
    let (wish, bind) = axe_bind(&fields(with_area), 4, 0).unwrap();
    assert!(matches!(wish, XWish::InArea(Some(_), _)));
    assert_eq!(bind.extension, None);
}

#[test]
fn a_bind_that_cannot_be_meant_is_refused_with_the_culprit() {
    let invalid = ResultCode::InvalidRequest;
    let both = r#","callbackTone":"t.wav","callbackNum":"+8613800000002""#;
    let expected = (invalid, "callbackTone and callbackNum exclude each other.".to_owned());
    assert_eq!(refused(bind(both)), expected);
    let nowhere = axe_bind(&fields(r#""bindNum":"+8613800000001""#), 4, 0).map(|(_, bind)| bind);
    assert_eq!(refused(nowhere), (invalid, "Give virtualNum or areaCode.".into()));
    let nobody = axe_bind(&fields(r#""virtualNum":"+8617000000001""#), 4, 0).map(|(_, bind)| bind);
    assert_eq!(refused(nobody), (invalid, "bindNum is missing.".into()));
    assert_eq!(refused(bind(r#","timeUnit":"2""#)), (invalid, "timeUnit must be 0 to 1.".into()));
    let long = refused(bind(r#","bindExpiredTime":43201"#));
    assert_eq!(long, (invalid, "bindExpiredTime must be 0 to 43200.".into()));
    let no_x = axe_bind(&fields(r#""bindNum":"+8613800000001","virtualNum":"17000000001""#), 4, 0);
    assert_eq!(no_x.unwrap_err(), Unreadable::code(ResultCode::ResourceNotApplied));
}

#[test]
fn a_selector_is_the_subscription_or_both_of_the_others() {
    let x = |text| XNumber::new(crate::domain::number::E164::parse(text).unwrap());
    let by_query = |query| axe_unbind(&Fields::from_query(Some(query)));
    let both = "virtualNum=%2B8617000000001&extendNum=0042";
    let meant = AxeMeant::Extension(x("+8617000000001"), Extension::parse("0042"));
    assert_eq!(by_query(both), Ok(meant));
    let all = format!("subscriptionId=abc&{both}&x=1");
    assert_eq!(by_query(&all), Ok(AxeMeant::Subscription("abc".into())));
    let wins = by_query("subscriptionId=abc&virtualNum=nonsense");
    assert_eq!(wins, Ok(AxeMeant::Subscription("abc".into())));
    let half = by_query("subscriptionId=&virtualNum=%2B8617000000001");
    assert_eq!(half, Ok(AxeMeant::Extension(x("+8617000000001"), None)));
    assert_eq!(by_query("extendNum=0042").unwrap_err().code, ResultCode::ResourceNotApplied);
    let query = axe_query(&Fields::from_query(Some("extendNum=0042"))).unwrap_err();
    assert_eq!(query.what, "Give subscriptionId, or virtualNum and extendNum.");
}

#[test]
fn a_cursor_leads_back_to_the_binding_it_was_made_of() {
    let page = |query: &str| {
        let query = format!("virtualNum=%2B8617000000001&{query}");
        match axe_list_query(&Fields::from_query(Some(&query))) {
            Ok(AxeListQuery::Page { after, limit, .. }) => Ok((after, limit)),
            Ok(AxeListQuery::One(_)) => panic!("{query} is a list"),
            Err(unreadable) => Err(unreadable.what),
        }
    };
    let id = RowKey::at(1_767_323_100_250, 77);
    assert_eq!(cursor_after(id), "1767323100250_77");
    assert_eq!(page("cursor=1767323100250_77&limit=5"), Ok((Some(id), 5)));
    assert_eq!(page("cursor=0000000000000_0").map(|(after, _)| after.map(RowKey::get)), Ok(Some(1)));
    assert_eq!(page("cursor="), Ok((None, 100)));
    for (limit, expected) in [("0", 100), ("x", 100), ("1000", 1_000), ("1001", 1_000), ("4294967295", 1_000)]
    {
        assert_eq!(page(&format!("limit={limit}")), Ok((None, expected)), "{limit}");
    }
    let beyond = page("cursor=9999999999999_99999999999999999999").unwrap().0.unwrap();
    assert!(beyond > id);
    for cursor in [
        "1",
        "1767323100250",
        "176732310025_7",
        "1767323100250_",
        "17673231002500_7",
        "1767323100250_7x",
        "_7",
    ] {
        let expected = Err("cursor must be 13 digits, _ and 1 to 20 digits.".to_owned());
        assert_eq!(page(&format!("cursor={cursor}")), expected, "{cursor}");
    }
    let one = axe_list_query(&Fields::from_query(Some(
        "virtualNum=%2B8617000000001&extendNum=0042&cursor=nonsense",
    )));
    assert!(matches!(one, Ok(AxeListQuery::One(_))));
}
