<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:dc="http://purl.org/dc/elements/1.1/" exclude-result-prefixes="atom dc">
<xsl:output method="html" encoding="UTF-8" doctype-system="about:legacy-compat"/>
<xsl:variable name="home" select="/rss/channel/link | /atom:feed/atom:link[@rel='alternate']/@href"/>
<xsl:variable name="self" select="/rss/channel/atom:link[@rel='self']/@href | /atom:feed/atom:link[@rel='self']/@href"/>
<xsl:variable name="language" select="/rss/channel/language | /atom:feed/@xml:lang"/>
<xsl:template match="/">
<html>
<head>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title><xsl:value-of select="/rss/channel/title | /atom:feed/atom:title"/></title>
<link rel="stylesheet" href="{$home}static/style.css"/>
</head>
<body>
<header class="top"><a class="brand" href="{$home}"><xsl:value-of select="/rss/channel/title | /atom:feed/atom:title"/></a></header>
<main>
<p class="notice"><xsl:choose><xsl:when test="starts-with($language, 'zh')">这是一个订阅源。请把它的地址添加到您的阅读器：</xsl:when><xsl:otherwise>This is a feed. Give its address to your feed reader: </xsl:otherwise></xsl:choose><code><xsl:value-of select="$self"/></code></p>
<xsl:for-each select="/rss/channel/item">
<article class="card">
<h2 dir="auto"><a href="{link}"><xsl:value-of select="title"/></a></h2>
<p class="meta"><span><xsl:value-of select="pubDate"/></span><span dir="auto"><xsl:value-of select="dc:creator"/></span></p>
<p class="summary" dir="auto"><xsl:value-of select="description"/></p>
</article>
</xsl:for-each>
<xsl:for-each select="/atom:feed/atom:entry">
<article class="card">
<h2 dir="auto"><a href="{atom:link[@rel='alternate']/@href}"><xsl:value-of select="atom:title"/></a></h2>
<p class="meta"><span><xsl:value-of select="atom:published"/></span><span dir="auto"><xsl:value-of select="atom:author/atom:name"/></span></p>
<p class="summary" dir="auto"><xsl:value-of select="atom:summary"/></p>
</article>
</xsl:for-each>
</main>
</body>
</html>
</xsl:template>
</xsl:stylesheet>
