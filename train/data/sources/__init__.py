"""Text lines in the forms in which people have them: folders of images and texts, tables, PAGE XML, ALTO, lists.

`read_source` in `train.data.sources.reading` turns any of them into lines:

    files       line.png + line.gt.txt (ocropy, kraken, calamari, tesstrain), line.bin.png, line.nrm.png
    tables      .csv and .tsv: an image and a text per row
    pages       PAGE XML and ALTO: line images are cut from the image of a page
    lists       `relative/name,ground truth` per row, as UW3-500 has them
    folders     hold any of these, at any depth
"""
