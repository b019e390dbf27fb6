"""PAGE XML and ALTO: lines cut from the image of a page by the boxes of their polygons."""

import numpy as np
import pytest
from PIL import Image

from datapath.errors import FileError
from tests.train.data.sources.places import image, lines, read, reasons, text
from train.data.sources import pages
from train.data.sources.pages import read_page_file

PAGE_2013 = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"
PAGE_2019 = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
ALTO_2 = "http://www.loc.gov/standards/alto/ns-v2#"
ALTO_4 = "http://www.loc.gov/standards/alto/ns-v4#"


def page_xml(*text_lines, namespace=PAGE_2019, name="scan.png", size=(100, 80)):
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<PcGts xmlns="{namespace}"><Page imageFilename="{name}" '
        f'imageWidth="{size[0]}" imageHeight="{size[1]}"><TextRegion id="r">{"".join(text_lines)}</TextRegion></Page></PcGts>'
    )


def page_line(points, content, *, identifier="l1"):
    reading = "" if content is None else f"<TextEquiv><Unicode>{content}</Unicode></TextEquiv>"
    return f'<TextLine id="{identifier}"><Coords points="{points}"/>{reading}</TextLine>'


def alto(*text_lines, namespace=ALTO_4, name="scan.png", unit="pixel", size='WIDTH="100" HEIGHT="80"'):
    return (
        f'<alto xmlns="{namespace}"><Description><MeasurementUnit>{unit}</MeasurementUnit><sourceImageInformation>'
        f"<fileName>{name}</fileName></sourceImageInformation></Description><Layout><Page {size}><PrintSpace><TextBlock>"
        f"{''.join(text_lines)}</TextBlock></PrintSpace></Page></Layout></alto>"
    )


@pytest.fixture
def scan(tmp_path):
    """A page of 100 x 80 pixels in which every pixel has its own grey, as far as 256 greys go."""
    pixels = (np.arange(80)[:, None] * 3 + np.arange(100)[None, :]).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "scan.png")
    return pixels


def cut_of(found, number=0):
    return np.asarray(found.lines[number].line.source)


@pytest.mark.parametrize("namespace", [PAGE_2013, PAGE_2019])
def test_a_line_of_page_xml_is_the_box_of_its_polygon(tmp_path, scan, namespace):
    # The polygon reaches from 10 to 60 across and from 20 to 45 down: 50 x 25 pixels.
    path = text(tmp_path / "scan.xml", page_xml(page_line("10,25 60,20 58,45 12,40", "a line"), namespace=namespace))
    found = read(path)
    assert [(one.line.name, one.line.text, one.size) for one in found.lines] == [("scan/l1", "a line", (50, 25))]
    assert np.array_equal(cut_of(found), scan[20:45, 10:60])
    assert (found.kinds, found.messages) == ({"PAGE XML": 1}, ())


def test_points_as_the_first_versions_of_page_xml_have_them(tmp_path, scan):
    points = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in ((10, 20), (60, 20), (60, 45)))
    line = f"<TextLine><Coords>{points}</Coords><TextEquiv><Unicode>x</Unicode></TextEquiv></TextLine>"
    found = read(text(tmp_path / "scan.xml", page_xml(line)))
    assert (found.lines[0].line.name, found.lines[0].size) == ("scan/line1", (50, 25))


def test_the_first_reading_of_a_line_else_its_words(tmp_path, scan):
    readings = "".join(
        f'<TextEquiv index="{index}"><Unicode>{word}</Unicode></TextEquiv>' for index, word in ((1, "no"), (0, "yes"))
    )
    words = "".join(f"<Word><TextEquiv><Unicode>{word}</Unicode></TextEquiv></Word>" for word in ("one", "two"))
    content = page_xml(
        f'<TextLine id="a"><Coords points="0,0 50,20"/>{words}{readings}</TextLine>',
        f'<TextLine id="b"><Coords points="0,20 50,40"/>{words}</TextLine>',
    )
    assert lines(text(tmp_path / "scan.xml", content)) == [("scan/a", "yes"), ("scan/b", "one two")]


@pytest.mark.parametrize("namespace", [ALTO_2, ALTO_4])
def test_a_line_of_alto_with_its_words_spaces_and_hyphen(tmp_path, scan, namespace):
    line = (
        '<TextLine ID="l1" HPOS="10" VPOS="20" WIDTH="50" HEIGHT="25"><String CONTENT="two"/><SP/>'
        '<String CONTENT="wor"/><HYP CONTENT="-"/></TextLine>'
    )
    found = read(text(tmp_path / "scan.xml", alto(line, namespace=namespace)))
    assert [(one.line.name, one.line.text, one.size) for one in found.lines] == [("scan/l1", "two wor-", (50, 25))]
    assert np.array_equal(cut_of(found), scan[20:45, 10:60])


def test_alto_with_a_polygon_and_without_spaces(tmp_path, scan):
    line = (
        '<TextLine ID="l1" HPOS="0" VPOS="0" WIDTH="9" HEIGHT="9"><Shape><Polygon POINTS="10 20 60 20 60 45"/></Shape>'
        '<String CONTENT="two"/><String CONTENT="words"/></TextLine>'
    )
    found = read(text(tmp_path / "scan.xml", alto(line)))
    assert (found.lines[0].line.text, found.lines[0].size) == ("two words", (50, 25))


def test_a_unit_that_is_not_the_pixel_is_scaled_by_the_page(tmp_path, scan):
    # 1000 x 800 tenths of a millimetre are 100 x 80 pixels: 100 to 600 is 10 to 60, 200 to 450 is 20 to 45.
    line = '<TextLine HPOS="100" VPOS="200" WIDTH="500" HEIGHT="250"><String CONTENT="x"/></TextLine>'
    content = alto(line, unit="mm10", size='WIDTH="1000" HEIGHT="800"')
    assert np.array_equal(cut_of(read(text(tmp_path / "scan.xml", content))), scan[20:45, 10:60])


@pytest.mark.parametrize(
    "name", ["scan.png", "D:\\scans\\scan.png", "elsewhere/scan.png", "file:///x/scan.png", "gone.tif", ""]
)
def test_the_image_of_a_page_is_found_by_its_name_or_that_of_the_xml_file(tmp_path, scan, name):
    assert len(lines(text(tmp_path / "scan.xml", page_xml(page_line("0,0 50,20", "x"), name=name)))) == 1


def test_the_image_of_a_page_in_the_folder_above(tmp_path, scan):
    text(tmp_path / "page" / "scan.xml", page_xml(page_line("0,0 50,20", "x")))
    assert lines(tmp_path) == [("page/scan/l1", "x")]
    assert lines(tmp_path / "page") == [("scan/l1", "x")]
    assert read(tmp_path).left_out == ()  # the image of a page is not a line image that lacks a text


def test_what_cannot_be_cut_is_left_out(tmp_path, scan):
    content = page_xml(
        page_line("0,0 50,20", "good", identifier="good"),
        page_line("200,0 250,20", "x", identifier="outside"),
        page_line("0,0 50,0", "x", identifier="flat"),
        page_line("0,0 fifty,20", "x", identifier="words"),
        page_line("90,70 120,100", "part", identifier="part"),
        page_line("0,0 50,30", None, identifier="silent"),
        page_line("0,0 50,40", "one\ntwo", identifier="two"),
    )
    found = read(text(tmp_path / "scan.xml", content))
    assert [(one.line.text, one.size) for one in found.lines] == [("good", (50, 20)), ("part", (10, 10))]
    why = {place.rpartition(" ")[2]: reason for place, reason in reasons(found).items()}
    assert set(why) == {"outside", "flat", "words", "silent", "two"}
    assert "200 to 250 across" in why["outside"]
    assert "text is empty" in why["silent"]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (page_xml(page_line("0,0 50,20", "x"), size=(200, 160)), "100 x 80 pixels, but the XML file says 200 x 160"),
        (page_xml(page_line("0,0 50,20", "x"), name="other.png").replace("scan", "x"), None),
        ("<PcGts><Page>", "not well-formed"),
        ("", "not well-formed"),
        (
            '<!DOCTYPE P [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><PcGts><Page>&b;</Page></PcGts>',
            "entities",
        ),
        ('<!DOCTYPE P [<!ENTITY x SYSTEM "file:///etc/passwd">]><PcGts><Page>&x;</Page></PcGts>', "entities"),
    ],
)
def test_files_that_are_not_trusted(tmp_path, scan, content, part):
    image(tmp_path / "ok.png")
    text(tmp_path / "ok.gt.txt", "x")
    text(tmp_path / "page.xml", content)
    found = read(tmp_path)
    assert [one.line.name for one in found.lines] == ["ok"]
    why = " ".join(reasons(found).values())
    assert (part or "no image of its page, other.png") in why


def test_identifiers_of_any_length_are_names_of_files(tmp_path, scan):
    """A character of Chinese has 3 bytes in UTF-8: 66 of them are 198 bytes, and a 67th would exceed 200."""
    long = "\u6f22" * 100
    here = [page_line("0,0 10,9", "a", identifier=long), page_line("0,0 10,8", "b", identifier=long)]
    text(tmp_path / "scan.xml", page_xml(*here))
    assert lines(tmp_path) == [(f"scan/{long[:66]}", "a"), (f"scan/{long[:66]}-2", "b")]


def test_a_page_with_two_xml_files_is_read_once(tmp_path, scan):
    text(tmp_path / "scan.xml", page_xml(page_line("0,0 50,20", "x")))
    text(
        tmp_path / "scan.alto.xml",
        alto('<TextLine HPOS="0" VPOS="0" WIDTH="51" HEIGHT="20"><String CONTENT="x"/></TextLine>'),
    )
    found = read(tmp_path)
    assert found.kinds == {"ALTO": 1}  # scan.alto.xml comes first
    assert "scan.alto.xml, which is read" in reasons(found)["scan.xml"]


def test_other_xml_files_hold_no_lines(tmp_path):
    image(tmp_path / "a.png")
    text(tmp_path / "a.gt.txt", "x")
    text(tmp_path / "mets.xml", "<mets><fileSec/></mets>")
    found = read(tmp_path)
    assert found.left_out == ()
    assert found.messages == (f"Files of {tmp_path} that hold no lines: 1, the first is mets.xml.",)


def test_a_large_xml_file_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MAX_BYTES", 10)
    with pytest.raises(FileError, match="has 11 bytes; at most 10 bytes"):
        read_page_file(text(tmp_path / "a.xml", "<alto/>    "))
