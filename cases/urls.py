"""URLs of the message page, of the rooms' pages and of the JSON API."""

from django.urls import path

from cases import api, views
from cases.desk import api as desk_api
from cases.desk import reply_views
from cases.desk import views as desk_views
from cases.files import api as file_api
from cases.record import views as record_views
from cases.search import api as search_api
from cases.search import views as search_views

urlpatterns = [
    path("messages/", views.messages_page, name="messages"),
    path("messages/new/", views.new_case, name="new-case"),
    path("messages/<int:number>/", views.messages_page, name="conversation"),
    path("api/cases/", api.CaseList.as_view(), name="api-cases"),
    path("api/cases/<int:number>/messages/", api.Messages.as_view(), name="api-messages"),
    path("api/cases/<int:number>/messages/<int:seq>/recall/", api.Recall.as_view(), name="api-recall"),
    path("api/cases/<int:number>/read/", api.Read.as_view(), name="api-read"),
    path("api/files/<uuid:key>/", file_api.FileBytes.as_view(), name="api-file"),
    path("api/files/<uuid:key>/thumbnail/", file_api.Thumbnail.as_view(), name="api-thumbnail"),
    path("api/active/", api.Active.as_view(), name="api-active"),
    # reading a case back
    path("messages/<int:number>/files/", record_views.files_page, name="files"),
    path("messages/<int:number>/print/", record_views.print_page, name="print"),
    # live
    path("api/cases/<int:number>/typing/", api.Typing.as_view(), name="api-typing"),
    # search
    path("messages/search/", search_views.search_page, name="search"),
    path("api/search/", search_api.Search.as_view(), name="api-search"),
    # the advisor's desk
    path("messages/<int:number>/case/", desk_views.case_page, name="case"),
    path("messages/<int:number>/notes/", desk_views.write_note, name="write-note"),
    path("messages/<int:number>/hand-over/", desk_views.hand_over, name="hand-over"),
    path("messages/<int:number>/status/", desk_views.set_status, name="set-status"),
    path("messages/replies/", reply_views.replies, name="replies"),
    path("messages/replies/<int:pk>/", reply_views.edit_reply, name="edit-reply"),
    path("messages/replies/<int:pk>/delete/", reply_views.delete_reply, name="delete-reply"),
    path("api/cases/<int:number>/notes/", desk_api.Notes.as_view(), name="api-notes"),
    path("api/cases/<int:number>/hand-over/", desk_api.HandOver.as_view(), name="api-hand-over"),
    path("api/cases/<int:number>/close/", desk_api.Close.as_view(), name="api-close"),
    path("api/cases/<int:number>/reopen/", desk_api.Reopen.as_view(), name="api-reopen"),
    path("api/cases/<int:number>/replies/", desk_api.Replies.as_view(), name="api-replies"),
    path("api/events/", api.EventsElsewhere.as_view(), name="api-events"),
]
